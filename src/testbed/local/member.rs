//! One member: its directory, its flags, and its supervised process.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ticketcd_judge::explain::Explain;
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::event::{Event, Invalid, MemberChange, MemberEvent};
use ticketcd_judge::history::invalid::InvalidReason;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::member::ProcessExit;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::flags::{CLIENT_SOCKET, PEER_SOCKET};
use super::process_tree::{self, ProcessTree};
use super::supervisor::Report;
use crate::record::Sink;
use crate::testbed::{Server, Termination, TestbedError};

/// How long a supervisor may take to start its member; it takes milliseconds unless the machine is stuck.
const SUPERVISOR_TIMEOUT: Duration = Duration::from_secs(20);

/// How long processes may take to be stopped after SIGSTOP; it takes microseconds unless one waits for a disk.
const STOPPED_TIMEOUT: Duration = Duration::from_secs(2);

/// Pause between two looks at a member's processes or its socket.
const INTERVAL: Duration = Duration::from_millis(10);

/// One member, running or not.
#[derive(Debug)]
pub struct LocalMember {
    index: MemberIndex,
    /// Its working directory.
    directory: PathBuf,
    log: PathBuf,
    etcd: PathBuf,
    supervisor: PathBuf,
    arguments: Vec<String>,
    sink: Sink,
    process: Mutex<Option<Process>>,
    incarnations: AtomicU32,
    /// One start at a time.
    starting: tokio::sync::Mutex<()>,
}

/// A started process. Dropping it closes the supervisor's pipe, which kills the member.
#[derive(Debug)]
struct Process {
    /// The first process that was started, and all that came of it.
    tree: ProcessTree,
    /// The process that answers on the socket, once one does.
    server: Arc<OnceLock<Answering>>,
    /// Set before we end it.
    is_expected_to_end: Arc<AtomicBool>,
    /// How it ended; set once the exit is in the record.
    ended: watch::Receiver<Option<ProcessExit>>,
    _pipe: ChildStdin,
}

/// The process that listens on a member's socket.
#[derive(Clone, Copy, Debug)]
struct Answering {
    process: process_tree::Process,
    /// Whether it was started for this member.
    is_own: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.is_expected_to_end.store(true, Ordering::Relaxed);
    }
}

impl LocalMember {
    pub(super) fn new(index: MemberIndex, directory: PathBuf, log: PathBuf, etcd: PathBuf, supervisor: PathBuf, sink: Sink) -> Self {
        Self {
            index,
            directory,
            log,
            etcd,
            supervisor,
            arguments: Vec::new(),
            sink,
            process: Mutex::new(None),
            incarnations: AtomicU32::new(0),
            starting: tokio::sync::Mutex::new(()),
        }
    }

    /// Which member.
    pub(in crate::testbed) fn index(&self) -> MemberIndex {
        self.index
    }

    /// Its log file.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// The flags it is started with.
    pub(super) fn set_arguments(&mut self, arguments: Vec<String>) {
        self.arguments = arguments;
    }

    /// Where it listens for other members.
    pub(super) fn peer_socket(&self) -> PathBuf {
        self.directory.join(PEER_SOCKET)
    }

    /// Where it listens for clients.
    pub(super) fn client_socket(&self) -> PathBuf {
        self.directory.join(CLIENT_SOCKET)
    }

    /// The id of the first process that was started for it, while any runs.
    pub(in crate::testbed) fn pid(&self) -> Option<u32> {
        self.with_process(|process| process.ended.borrow().is_none().then_some(process.tree.group)).flatten()
    }

    /// How often it has been started so far.
    pub(in crate::testbed) fn incarnation(&self) -> u32 {
        self.incarnations.load(Ordering::Relaxed)
    }

    /// How its last process ended, if it did.
    pub(in crate::testbed) fn exit(&self) -> Option<ProcessExit> {
        self.with_process(|process| *process.ended.borrow()).flatten()
    }

    /// Starts it on the data it left, if any.
    pub(in crate::testbed) async fn start(&self) -> Result<(), TestbedError> {
        let _one_at_a_time = self.starting.lock().await;
        if self.pid().is_some() {
            return Err(TestbedError::AlreadyRunning(self.index.name()));
        }
        self.prepare_directory()?;
        let mut child = self.spawn()?;
        let no_pipe = || TestbedError::Binary { path: self.supervisor.clone(), reason: "it has no pipes".to_owned() };
        let pipe = child.stdin.take().ok_or_else(no_pipe)?;
        let mut reports = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?).lines();
        let pid = self.read_pid(&mut reports).await?;
        let incarnation = self.incarnations.fetch_add(1, Ordering::Relaxed) + 1;
        let is_expected_to_end = Arc::new(AtomicBool::new(false));
        let (tell_end, ended) = watch::channel(None);
        let tree = ProcessTree { supervisor: child.id().unwrap_or_default(), group: pid };
        let server = Arc::new(OnceLock::new());
        let process = Process {
            tree,
            server: Arc::clone(&server),
            is_expected_to_end: Arc::clone(&is_expected_to_end),
            ended: ended.clone(),
            _pipe: pipe,
        };
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        record(&self.sink, self.index, MemberChange::Started { incarnation, pid }).await;
        let (sink, index, socket) = (self.sink.clone(), self.index, self.client_socket());
        let found = Arc::clone(&server);
        let find = async move {
            let Some(answering) = find_server(&socket, tree, ended).await else { return };
            // At the first start it is part of the testbed's health.
            if !answering.is_own && incarnation > 1 {
                let reason = InvalidReason::ForeignProcess { member: index, pid: answering.process.pid };
                sink.record(Event::Invalid(Invalid { at: sink.now(), reason })).await;
            }
            // It is set once.
            let _ = server.set(answering);
        };
        tokio::spawn(find);
        let sink = self.sink.clone();
        tokio::spawn(async move {
            let exit = await_end(reports, child, tree, &found).await;
            let expected = is_expected_to_end.load(Ordering::Relaxed);
            record(&sink, index, MemberChange::Exited { exit, expected }).await;
            drop(sink);
            tell_end.send_replace(Some(exit));
        });
        Ok(())
    }

    /// The process that answers for it.
    pub(in crate::testbed) fn server(&self) -> Server {
        match self.answering() {
            None => Server::None,
            Some(Answering { is_own: true, .. }) => Server::Own,
            Some(Answering { process, .. }) => Server::Foreign(process.pid),
        }
    }

    fn answering(&self) -> Option<Answering> {
        self.with_process(|process| process.server.get().copied()).flatten()
    }

    /// SIGKILL; returns when the exit is recorded and etcd is gone.
    pub(in crate::testbed) async fn kill(&self) -> Result<(), TestbedError> {
        self.signal(Signal::SIGKILL)?;
        self.await_exit().await;
        self.check_gone()
    }

    /// Whether the process that answered has ended.
    fn check_gone(&self) -> Result<(), TestbedError> {
        match self.answering().filter(|answering| answering.process.still_runs()) {
            None => Ok(()),
            Some(answering) => Err(TestbedError::WithoutEffect { member: self.index.name(), pid: answering.process.pid }),
        }
    }

    /// SIGTERM, and SIGKILL after `grace`; returns when the exit is recorded.
    pub(in crate::testbed) async fn terminate(&self, grace: Duration) -> Result<Termination, TestbedError> {
        self.signal(Signal::SIGTERM)?;
        if tokio::time::timeout(grace, self.await_exit()).await.is_ok() {
            return self.check_gone().map(|()| Termination::Graceful);
        }
        // It may have ended this very moment.
        let was_running = self.signal(Signal::SIGKILL).is_ok();
        self.await_exit().await;
        self.check_gone()?;
        Ok(if was_running { Termination::Killed } else { Termination::Graceful })
    }

    /// SIGSTOP; returns when etcd is shown stopped.
    pub(in crate::testbed) async fn pause(&self) -> Result<(), TestbedError> {
        let deadline = Instant::now() + STOPPED_TIMEOUT;
        loop {
            // Again in each round: a process that was about to fork has a child that runs.
            self.signal(Signal::SIGSTOP)?;
            match (self.is_paused(), self.pid()) {
                (Some(true) | None, _) => return Ok(()),
                (Some(false), pid) if Instant::now() >= deadline => {
                    let pid = self.answering().map(|answering| answering.process.pid).or(pid).unwrap_or_default();
                    // What was stopped must not stay so when no fault heals it.
                    self.resume()?;
                    return Err(TestbedError::WithoutEffect { member: self.index.name(), pid });
                }
                (Some(false), _) => tokio::time::sleep(INTERVAL).await,
            }
        }
    }

    /// SIGCONT.
    pub(in crate::testbed) fn resume(&self) -> Result<(), TestbedError> {
        self.signal(Signal::SIGCONT)
    }

    /// Whether the operating system shows all its processes stopped, and the one that answers is among them. `None` where there
    /// is no process.
    pub(in crate::testbed) fn is_paused(&self) -> Option<bool> {
        self.pid()?;
        let is_foreign = self.answering().is_some_and(|answering| !answering.is_own);
        self.with_process(|process| process.tree.is_stopped() && !is_foreign)
    }

    /// Sends a signal to all its processes. A signal that ends them makes their end an expected one.
    fn signal(&self, signal: Signal) -> Result<(), TestbedError> {
        let not_running = || TestbedError::NotRunning(self.index.name());
        self.pid().ok_or_else(not_running)?;
        if matches!(signal, Signal::SIGKILL | Signal::SIGTERM) {
            self.with_process(|process| process.is_expected_to_end.store(true, Ordering::Relaxed));
        }
        let is_sent = self.with_process(|process| process.tree.signal(signal)).unwrap_or(false);
        if is_sent { Ok(()) } else { Err(not_running()) }
    }

    /// Waits until its process is gone and that is in the record.
    pub(in crate::testbed) async fn await_exit(&self) {
        let Some(mut ended) = self.with_process(|process| process.ended.clone()) else { return };
        // The sender is dropped only after it has sent.
        let _ = ended.wait_for(Option::is_some).await;
    }

    fn with_process<T>(&self, look: impl FnOnce(&Process) -> T) -> Option<T> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    fn prepare_directory(&self) -> Result<(), TestbedError> {
        let what = format!("create {}", self.directory.display());
        fs::create_dir_all(&self.directory).map_err(TestbedError::io(what))?;
        // A killed member leaves its sockets behind, and binding fails while they are there.
        for socket in [self.peer_socket(), self.client_socket()] {
            remove_if_there(&socket)?;
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Child, TestbedError> {
        let what = format!("open the log file {}", self.log.display());
        let log = OpenOptions::new().create(true).append(true).open(&self.log).map_err(TestbedError::io(what))?;
        let mut command = Command::new(&self.supervisor);
        command.arg("supervisor").arg("--").arg(&self.etcd).args(&self.arguments);
        command.current_dir(&self.directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Ctrl-C in the terminal is for the harness alone.
        command.process_group(0);
        // etcd takes every flag from the environment too; the user's own settings are not meant for these members.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD_")) {
            command.env_remove(name);
        }
        command.spawn().map_err(|error| TestbedError::Binary { path: self.supervisor.clone(), reason: io_reason(&error) })
    }

    async fn read_pid(&self, reports: &mut Lines<BufReader<ChildStdout>>) -> Result<u32, TestbedError> {
        let failed = |reason: String| TestbedError::Binary { path: self.supervisor.clone(), reason };
        let line = tokio::time::timeout(SUPERVISOR_TIMEOUT, reports.next_line()).await;
        let line = line.map_err(|_| failed(format!("no report within {SUPERVISOR_TIMEOUT:?}")))?;
        let line = line.map_err(|error| failed(io_reason(&error)))?;
        // No line: the supervisor ended. An empty report is malformed, and the error names the log.
        match line.as_deref().unwrap_or_default().parse() {
            Ok(Report::Started(pid)) => Ok(pid),
            Ok(Report::Ended(exit)) => Err(failed(format!("it exited ({})", exit.in_words()))),
            Err(error) => Err(failed(format!("{error}; see {}", self.log.display()))),
        }
    }
}

/// Waits until a process answers on the socket, and returns which; nothing when the member ended before.
async fn find_server(socket: &Path, tree: ProcessTree, mut ended: watch::Receiver<Option<ProcessExit>>) -> Option<Answering> {
    loop {
        if let Ok(stream) = UnixStream::connect(socket).await
            && let Ok(peer) = stream.peer_cred()
        {
            let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
            let is_own = tree.contains(pid);
            // There is nothing to read about one of another name space. One that has ended meanwhile, by a kill right after its
            // start for example, answers no more, and is no foreign one because it is missing among those that run.
            let process = process_tree::Process::read(pid).or_else(|| (pid == 0).then(process_tree::Process::unknown));
            if let Some(process) = process.filter(process_tree::Process::is_alive) {
                return Some(Answering { process, is_own });
            }
        }
        tokio::select! {
            _ = ended.wait_for(Option::is_some) => return None,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

async fn await_end(
    mut reports: Lines<BufReader<ChildStdout>>,
    mut supervisor: Child,
    tree: ProcessTree,
    server: &OnceLock<Answering>,
) -> ProcessExit {
    let mut exit = None;
    while let Ok(Some(line)) = reports.next_line().await {
        if let Ok(Report::Ended(reported)) = line.parse() {
            exit = Some(reported);
        }
    }
    // Reaped so that no zombie is left; how it ended matters only when it did not report the member's exit.
    let supervised = supervisor.wait().await;
    if exit.is_none() {
        // The kernel has killed the first process with its supervisor, but not what that one had started.
        tree.signal(Signal::SIGKILL);
        // One that had left the group is not below the supervisor any more, but it is known.
        if let Some(Answering { process, is_own: true }) = server.get() {
            process.signal(Signal::SIGKILL);
        }
    }
    exit.unwrap_or(if supervised.is_ok() { ProcessExit::WithSupervisor } else { ProcessExit::Unknown })
}

async fn record(sink: &Sink, member: MemberIndex, change: MemberChange) {
    sink.record(Event::Member(MemberEvent { member, at: sink.now(), change })).await;
}

fn remove_if_there(path: &Path) -> Result<(), TestbedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(TestbedError::Io { what: format!("remove the old socket {}", path.display()), source: error })
        }
        _ => Ok(()),
    }
}
