//! One real etcd member, for tests of what talks to a member.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use ticketcd::etcd::{Client, Endpoint, Security};
use ticketcd::record::{Reader, Recorder, Sink};
use ticketcd_judge::history::event::Event;

use crate::support::etcd_binary;

/// How long one answer may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// A member on Unix sockets in a directory of its own. Dropping it kills it.
pub struct Member {
    directory: TempDir,
    process: Option<Child>,
    flags: Vec<String>,
}

impl Member {
    /// Starts one and waits until it answers.
    pub async fn start(flags: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("ticketcd-it-").tempdir().unwrap();
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        let mut member = Self { directory, process: None, flags };
        member.restart().await;
        member
    }

    /// Where clients reach it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.directory.path().join("client:1"))
    }

    /// A client of it.
    pub async fn client(&self) -> Client {
        Client::connect(&self.endpoint(), &Security::default(), 1).await.unwrap()
    }

    /// Starts it on the data it left, and waits until it answers.
    pub async fn restart(&mut self) {
        let binary = etcd_binary();
        let log = std::fs::File::options().create(true).append(true).open(self.directory.path().join("log")).unwrap();
        let mut command = Command::new(&binary);
        command
            .args(["--name", "m1", "--data-dir", "data", "--listen-peer-urls", "unix://peer:1", "--listen-client-urls", "unix://client:1"])
            .args(["--advertise-client-urls", "http://127.0.0.1:1", "--initial-advertise-peer-urls", "http://127.0.0.1:1"])
            .args(["--initial-cluster", "m1=http://127.0.0.1:1", "--heartbeat-interval", "10", "--election-timeout", "100"])
            .args(["--unsafe-no-fsync=true"])
            .args(&self.flags)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0);
        self.process = Some(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", binary.display())));
        let client = self.client().await;
        let answers = eventually(async || client.status(Duration::from_secs(1)).await.is_ok_and(|status| status.leader_id != 0)).await;
        assert!(answers, "etcd did not start: {}", std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default());
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// SIGSTOP, and waits until every thread of it is stopped: until then it may still answer.
    pub async fn pause(&self) {
        self.signal("STOP");
        assert!(eventually(async || self.is_paused()).await, "etcd does not stop");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Sends it a signal by name: `STOP`, `CONT`.
    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap().success());
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Whether the operating system shows each of its threads stopped.
    fn is_paused(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat"))).all(|stat| {
            // The name before the state may hold anything, parentheses too. A thread that has just ended has no state.
            stat.map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T')))
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether something comes about, asked again and again.
pub async fn eventually(condition: impl AsyncFn() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if condition().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Keeps every event, for a test to look at.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Event>>>);

impl Kept {
    /// A sink whose events are kept, and its recorder.
    pub fn start() -> (Self, Sink, Recorder) {
        let kept = Self::default();
        let (sink, recorder) = Recorder::start(vec![Box::new(kept.clone())]).unwrap();
        (kept, sink, recorder)
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Reader for Kept {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}
