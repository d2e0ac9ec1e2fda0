//! The supervisor: a process of ours between the harness and a member, so that the member cannot outlive either.
//!
//! The harness executes its own binary again as the supervisor and holds a pipe to its standard input. The supervisor starts
//! the member in a process group of its own and reports on its standard output, see [`Report`]. When the pipe closes, however
//! the harness ended, the supervisor kills the group. When the supervisor itself is killed, the kernel kills the member: the
//! member is executed by a second stage that first asks for a signal at its parent's death, which survives the execution.
//!
//! A member may be a wrapper that starts etcd as its child. So signals go to every process of the member, see
//! `process_tree`, and the member has ended when all of them have.
//!
//! A user's script is supervised in the same way, see [`supervise_and_pass_on`]: its own input is the pipe.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, dup2_stdout, getppid};
use ticketcd_judge::history::member::ProcessExit;

use super::capped_log::{self, HEAD_BYTES_MAX, TAIL_BYTES_MAX};
use super::process_tree::{ProcessTree, end_the_rest};

/// How long the processes that a member leaves behind may take to end by themselves: a wrapper may end before its etcd.
const REST_GRACE: Duration = Duration::from_secs(5);

/// How long the log is waited for after the end of a member's processes.
const LOG_TIMEOUT: Duration = Duration::from_secs(5);

/// A line that the supervisor writes on its standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The member has this process id.
    Started(u32),
    /// The member ended.
    Ended(ProcessExit),
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(pid) => write!(formatter, "started {pid}"),
            Self::Ended(ProcessExit::Code(code)) => write!(formatter, "ended code {code}"),
            Self::Ended(ProcessExit::Signal(signal)) => write!(formatter, "ended signal {signal}"),
            Self::Ended(ProcessExit::WithSupervisor | ProcessExit::Unknown) => write!(formatter, "ended unknown"),
        }
    }
}

/// The line is none that the supervisor writes.
#[derive(Debug, thiserror::Error)]
#[error("not a report of the supervisor: {0:?}")]
pub struct NotAReport(String);

impl FromStr for Report {
    type Err = NotAReport;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let line = line.trim_end();
        let wrong = || NotAReport(line.to_owned());
        match line.split_once(' ').ok_or_else(wrong)? {
            ("started", pid) => pid.parse().map(Self::Started).map_err(|_| wrong()),
            ("ended", "unknown") => Ok(Self::Ended(ProcessExit::Unknown)),
            ("ended", exit) => match exit.split_once(' ').ok_or_else(wrong)? {
                ("code", code) => code.parse().map(|code| Self::Ended(ProcessExit::Code(code))).map_err(|_| wrong()),
                ("signal", signal) => signal.parse().map(|signal| Self::Ended(ProcessExit::Signal(signal))).map_err(|_| wrong()),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

/// First stage: starts `command` through the second stage, which is this program with `second_stage` in front of it, and
/// waits until it ends, which it is made to when standard input does.
///
/// # Errors
/// When it cannot be started.
pub fn supervise(second_stage: &[OsString], command: &[OsString]) -> io::Result<()> {
    block_terminal_signals()?;
    prctl::set_child_subreaper(true)?;
    // Spawned from the main thread: the parent-death signal is tied to the thread that forked.
    let mut child = Command::new(std::env::current_exe()?)
        .args(second_stage)
        .arg(std::process::id().to_string())
        .arg("--")
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let log = child.stderr.take().map(keep_log).transpose()?;
    let tree = ProcessTree { supervisor: std::process::id(), group: child.id() };
    report(&Report::Started(child.id()));
    std::thread::Builder::new().name("pipe".to_owned()).spawn(move || {
        await_end_of_input();
        tree.signal(Signal::SIGKILL);
    })?;
    // The harness sends SIGTERM to all of them. etcd ends at once when it gets another one while it is ending.
    let is_asked_to_end = await_end_of_first(child.id())? == Some(Signal::SIGTERM);
    end_the_rest(tree, (!is_asked_to_end).then_some(Signal::SIGTERM), REST_GRACE, || reap_adopted(tree));
    if let Some(log) = log {
        await_log(&log);
    }
    let status = child.wait()?;
    report(&Report::Ended(exit_of(status)));
    Ok(())
}

/// Keeps what the member writes to its standard error in the log, which is this process's own.
fn keep_log(errors: ChildStderr) -> io::Result<JoinHandle<()>> {
    let log = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    // What earlier processes of the member wrote is in it.
    let head = usize::try_from(log.metadata()?.len()).map_or(0, |bytes| HEAD_BYTES_MAX.saturating_sub(bytes));
    let copy = move || {
        // A log that cannot be written ends no member; the check of the logs finds what is there.
        let _ = capped_log::copy(errors, log, head, TAIL_BYTES_MAX);
    };
    std::thread::Builder::new().name("log".to_owned()).spawn(copy)
}

/// Waits until the log is complete. All processes of the member have ended, so that nothing holds its pipe but a process that the
/// member gave it to.
fn await_log(log: &JoinHandle<()>) {
    let deadline = Instant::now() + LOG_TIMEOUT;
    while !log.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// As [`supervise`], for a command that the harness talks to: it has this process's own standard input and output, and is killed
/// when the harness has closed its end of the input, whether the command reads on or not. Returns the command's exit code, as
/// a shell gives it.
///
/// # Errors
/// When it cannot be started.
pub fn supervise_and_pass_on(second_stage: &[OsString], command: &[OsString]) -> io::Result<u8> {
    block_terminal_signals()?;
    prctl::set_child_subreaper(true)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(second_stage)
        .arg(std::process::id().to_string())
        .arg("--")
        .args(command)
        .process_group(0)
        .spawn()?;
    let tree = ProcessTree { supervisor: std::process::id(), group: child.id() };
    // Else the harness would not see that the command closed its output.
    dup2_stdout(File::open("/dev/null")?)?;
    std::thread::Builder::new().name("pipe".to_owned()).spawn(move || {
        await_hang_up();
        tree.signal(Signal::SIGKILL);
    })?;
    await_end_of_first(child.id())?;
    // What it started and left behind does not outlive it either.
    end_the_rest(tree, None, Duration::ZERO, || reap_adopted(tree));
    let status = child.wait()?;
    Ok(exit_code(status))
}

/// Blocks the signals of a terminal: only the harness decides when a process of ours ends. Call it on the main thread,
/// before there is another; children get an empty mask.
pub(super) fn block_terminal_signals() -> io::Result<()> {
    let ignored: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    Ok(ignored.thread_block()?)
}

/// Second stage: becomes `command`, after asking to be killed when `parent` dies.
///
/// # Errors
/// When the command cannot be executed, or the parent is dead already.
pub fn become_member(parent: u32, command: &[OsString]) -> io::Result<Infallible> {
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("no command"))?;
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if u32::try_from(getppid().as_raw()).ok() != Some(parent) {
        return Err(io::Error::other("the supervisor is gone"));
    }
    // Our allocator does without transparent huge pages, and processes inherit that. The command decides for itself.
    prctl::set_thp_disable(false)?;
    Err(Command::new(program).args(arguments).exec())
}

/// The harness may be gone; then the line goes nowhere.
fn report(report: &Report) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{report}").and_then(|()| output.flush());
}

/// Returns when the harness has closed its end of the pipe, or is gone.
pub(super) fn await_end_of_input() {
    let mut buffer = [0; 64];
    let mut input = io::stdin().lock();
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
}

/// Returns when the other end of standard input is closed. Reads nothing: what is in it is the command's.
fn await_hang_up() {
    let input = io::stdin();
    loop {
        let mut polled = [PollFd::new(input.as_fd(), PollFlags::empty())];
        match poll(&mut polled, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            // Without a way to know, the harness's own death is all that is left to go by: that is not waited for here.
            Err(_) => return,
            Ok(_) if polled[0].revents().is_some_and(|events| events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR)) => return,
            Ok(_) => {}
        }
    }
}

/// Waits until the first process of a member has ended, and leaves it unreaped: as long as it is, nothing else gets its id, and
/// with that the id of its group. Adopted processes that end meanwhile are reaped. Returns the signal that ended it, if one did.
fn await_end_of_first(first: u32) -> io::Result<Option<Signal>> {
    loop {
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::Exited(pid, _)) if u32::try_from(pid.as_raw()) == Ok(first) => return Ok(None),
            Ok(WaitStatus::Signaled(pid, signal, _)) if u32::try_from(pid.as_raw()) == Ok(first) => return Ok(Some(signal)),
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => {
                // It is there to be reaped, and nobody else does.
                let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reaps the processes that were adopted and have ended.
fn reap_adopted(tree: ProcessTree) {
    for pid in tree.ended_children() {
        if let Ok(pid) = i32::try_from(pid) {
            // It is reaped here and nowhere else.
            let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// The exit code of a shell for a command that ended so.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn exit_of(status: ExitStatus) -> ProcessExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => ProcessExit::Code(code),
        (None, Some(signal)) => ProcessExit::Signal(signal),
        (None, None) => ProcessExit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_read_back() {
        for report in [
            Report::Started(4711),
            Report::Ended(ProcessExit::Code(1)),
            Report::Ended(ProcessExit::Signal(9)),
            Report::Ended(ProcessExit::Unknown),
        ] {
            assert_eq!(format!("{report}\n").parse::<Report>().unwrap(), report);
        }
        assert!("started soon".parse::<Report>().is_err());
        assert!("ended badly".parse::<Report>().is_err());
        assert!("".parse::<Report>().is_err());
    }

    #[test]
    fn an_end_is_passed_on_as_a_shell_does() {
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
    }

    #[test]
    fn an_exit_is_a_code_or_a_signal() {
        assert_eq!(exit_of(ExitStatus::from_raw(9)), ProcessExit::Signal(9));
        assert_eq!(exit_of(ExitStatus::from_raw(2 << 8)), ProcessExit::Code(2));
    }
}
