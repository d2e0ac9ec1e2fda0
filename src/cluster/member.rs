//! One member: its directory, its flags, and its process on a leash.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use ticketcd_judge::history::event::{Event, MemberChange, MemberEvent};
use ticketcd_judge::model::MemberIndex;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::error::ClusterError;
use super::flags::{CLIENT_SOCKET, PEER_SOCKET};
use super::leash::Report;
use crate::record::Sink;

/// How long a leash may take to start its member; it takes milliseconds unless the machine is stuck.
const LEASH_TIMEOUT: Duration = Duration::from_secs(20);

/// One member, running or not.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) index: MemberIndex,
    /// Its working directory.
    pub(super) directory: PathBuf,
    /// Its log file.
    pub(super) log: PathBuf,
    pub(super) etcd: PathBuf,
    pub(super) leash: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) sink: Sink,
    process: Mutex<Option<Process>>,
    incarnations: AtomicU32,
    /// One start at a time.
    starting: tokio::sync::Mutex<()>,
}

/// A started process. Dropping it closes the leash's pipe, which kills the member.
#[derive(Debug)]
struct Process {
    pid: u32,
    /// Set before we end it.
    is_expected_to_end: Arc<AtomicBool>,
    /// How it ended; set once the exit is in the record.
    ended: watch::Receiver<Option<String>>,
    _pipe: ChildStdin,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.is_expected_to_end.store(true, Ordering::Relaxed);
    }
}

impl Member {
    pub(super) fn new(index: MemberIndex, directory: PathBuf, log: PathBuf, etcd: PathBuf, leash: PathBuf, sink: Sink) -> Self {
        Self {
            index,
            directory,
            log,
            etcd,
            leash,
            arguments: Vec::new(),
            sink,
            process: Mutex::new(None),
            incarnations: AtomicU32::new(0),
            starting: tokio::sync::Mutex::new(()),
        }
    }

    /// Where it listens for other members.
    pub(super) fn peer_socket(&self) -> PathBuf {
        self.directory.join(PEER_SOCKET)
    }

    /// Where it listens for clients.
    pub(super) fn client_socket(&self) -> PathBuf {
        self.directory.join(CLIENT_SOCKET)
    }

    /// Its process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.with_process(|process| process.ended.borrow().is_none().then_some(process.pid)).flatten()
    }

    /// How often it has been started so far.
    pub(super) fn incarnation(&self) -> u32 {
        self.incarnations.load(Ordering::Relaxed)
    }

    /// How its last process ended, if it did.
    pub(super) fn end(&self) -> Option<String> {
        self.with_process(|process| process.ended.borrow().clone()).flatten()
    }

    /// Starts it on the data it left, if any.
    pub(super) async fn start(&self) -> Result<(), ClusterError> {
        let _one_at_a_time = self.starting.lock().await;
        if self.pid().is_some() {
            return Err(ClusterError::AlreadyRunning(self.index.name()));
        }
        self.prepare_directory()?;
        let mut child = self.spawn()?;
        let no_pipe = || ClusterError::Binary { path: self.leash.clone(), reason: "it has no pipes".to_owned() };
        let pipe = child.stdin.take().ok_or_else(no_pipe)?;
        let mut reports = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?).lines();
        let pid = self.read_pid(&mut reports).await?;
        let incarnation = self.incarnations.fetch_add(1, Ordering::Relaxed) + 1;
        let is_expected_to_end = Arc::new(AtomicBool::new(false));
        let (tell_end, ended) = watch::channel(None);
        let process = Process { pid, is_expected_to_end: Arc::clone(&is_expected_to_end), ended, _pipe: pipe };
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        record(&self.sink, self.index, MemberChange::Started { incarnation, pid }).await;
        let (sink, index) = (self.sink.clone(), self.index);
        tokio::spawn(async move {
            let status = await_end(reports, child).await;
            let expected = is_expected_to_end.load(Ordering::Relaxed);
            record(&sink, index, MemberChange::Exited { status: status.clone(), expected }).await;
            drop(sink);
            tell_end.send_replace(Some(status));
        });
        Ok(())
    }

    /// Sends a signal to its process. A signal that ends it makes its end an expected one.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        let not_running = || ClusterError::NotRunning(self.index.name());
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(not_running)?;
        if matches!(signal, Signal::SIGKILL | Signal::SIGTERM) {
            self.with_process(|process| process.is_expected_to_end.store(true, Ordering::Relaxed));
        }
        signal::kill(Pid::from_raw(pid), signal).map_err(|_| not_running())
    }

    /// Waits until its process is gone and that is in the record.
    pub(super) async fn await_exit(&self) {
        let Some(mut ended) = self.with_process(|process| process.ended.clone()) else { return };
        // The sender goes only after it has told.
        let _ = ended.wait_for(Option::is_some).await;
    }

    fn with_process<T>(&self, look: impl FnOnce(&Process) -> T) -> Option<T> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    fn prepare_directory(&self) -> Result<(), ClusterError> {
        let what = format!("create {}", self.directory.display());
        fs::create_dir_all(&self.directory).map_err(ClusterError::io(what))?;
        // A killed member leaves its sockets behind, and binding fails while they are there.
        for socket in [self.peer_socket(), self.client_socket()] {
            remove_if_there(&socket)?;
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Child, ClusterError> {
        let what = format!("open the log file {}", self.log.display());
        let log = OpenOptions::new().create(true).append(true).open(&self.log).map_err(ClusterError::io(what))?;
        let mut command = Command::new(&self.leash);
        command.arg("leash").arg("--").arg(&self.etcd).args(&self.arguments);
        command.current_dir(&self.directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Ctrl-C in the terminal is for the harness alone.
        command.process_group(0);
        // etcd takes every flag from the environment too; the user's own settings are not meant for these members.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD_")) {
            command.env_remove(name);
        }
        command.spawn().map_err(|error| ClusterError::Binary { path: self.leash.clone(), reason: error.to_string() })
    }

    async fn read_pid(&self, reports: &mut Lines<BufReader<ChildStdout>>) -> Result<u32, ClusterError> {
        let failed = |reason: String| ClusterError::Binary { path: self.leash.clone(), reason };
        let line = tokio::time::timeout(LEASH_TIMEOUT, reports.next_line()).await;
        let line = line.map_err(|_| failed(format!("nothing heard within {LEASH_TIMEOUT:?}")))?;
        let line = line.map_err(|error| failed(error.to_string()))?;
        match line.as_deref().unwrap_or_default().parse() {
            Ok(Report::Started(pid)) => Ok(pid),
            Ok(Report::Ended(status)) => Err(failed(status)),
            Err(error) => Err(failed(format!("{error}; see {}", self.log.display()))),
        }
    }
}

async fn await_end(mut reports: Lines<BufReader<ChildStdout>>, mut leash: Child) -> String {
    let mut status = None;
    while let Ok(Some(line)) = reports.next_line().await {
        if let Ok(Report::Ended(words)) = line.parse() {
            status = Some(words);
        }
    }
    // Reaped so that no zombie is left; how it ended matters only when it could not say how the member did.
    let leash_status = leash.wait().await;
    status.unwrap_or_else(|| match leash_status {
        Ok(status) => format!("SIGKILL, because its leash ended ({status})"),
        Err(error) => format!("unknown, because its leash was lost ({error})"),
    })
}

async fn record(sink: &Sink, member: MemberIndex, change: MemberChange) {
    sink.record(Event::Member(MemberEvent { member, at: sink.now(), change })).await;
}

fn remove_if_there(path: &Path) -> Result<(), ClusterError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(ClusterError::Io { what: format!("remove the old socket {}", path.display()), source: error })
        }
        _ => Ok(()),
    }
}
