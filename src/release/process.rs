//! Running other programs with a time limit.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use ticketcd_judge::history::io_reason;

/// How long a program may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimit<'path> {
    /// In total.
    pub(super) total: Duration,
    /// Until the first bytes appear below this directory: an unresponsive server is detected much sooner than a slow download.
    pub(super) silence: Option<(Duration, &'path Path)>,
}

impl TimeLimit<'_> {
    pub(super) const fn total(total: Duration) -> Self {
        Self { total, silence: None }
    }
}

/// The output of a program.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Why a program gave no usable output.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    /// There is no such program.
    #[error("{program} is not installed")]
    NotInstalled {
        /// Its name.
        program: String,
    },
    /// It could not be run.
    #[error("cannot run {program}: {}", io_reason(.error))]
    Io {
        /// Its name.
        program: String,
        /// What the operating system reports.
        error: std::io::Error,
    },
    /// It was killed when its time limit was exceeded.
    #[error("{program} did not respond within {:.0} s", .after.as_secs_f64().ceil())]
    TimedOut {
        /// Its name.
        program: String,
        /// How long it ran.
        after: Duration,
    },
    /// It exited with an error.
    #[error("{program} failed: {}", .last_line.clone().unwrap_or_else(|| .status.to_string()))]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last line that it wrote.
        last_line: Option<String>,
    },
}

/// How often a program is polled. The system has no wait with a deadline.
const POLL_INTERVAL: Duration = Duration::from_millis(15);
/// How many times starting a busy executable is retried.
const BUSY_RETRIES_MAX: usize = 50;
/// How much of a program's output is kept.
const KEPT_BYTES: u64 = 1024 * 1024;

/// Runs a program to its end, or kills it and its children when the time limit is exceeded.
pub(super) fn run(mut command: Command, limit: TimeLimit<'_>) -> Result<Output, ProcessError> {
    let program = program_name(&command);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => ProcessError::NotInstalled { program: program.clone() },
        _ => ProcessError::Io { program: program.clone(), error },
    };
    // Files, not pipes: a grandchild that survives could hold a pipe open for ever.
    let (mut stdout, mut stderr) = (tempfile::tempfile().map_err(failed)?, tempfile::tempfile().map_err(failed)?);
    command.stdin(Stdio::null()).process_group(0).env("LC_ALL", "C");
    command.stdout(stdout.try_clone().map_err(failed)?).stderr(stderr.try_clone().map_err(failed)?);
    let mut child = spawn(&mut command).map_err(failed)?;
    let started = Instant::now();
    let before = limit.silence.map_or(0, |(_, directory)| size_of(directory));
    let mut answered = false;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        let silent = limit.silence.is_some_and(|(limit, directory)| {
            answered = answered || size_of(directory) > before;
            !answered && started.elapsed() >= limit
        });
        if silent || started.elapsed() >= limit.total {
            if let Ok(group) = i32::try_from(child.id()) {
                // It may have ended just now.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            child.wait().map_err(failed)?;
            return Err(ProcessError::TimedOut { program, after: started.elapsed() });
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    Ok(Output { status, stdout: text(&mut stdout).map_err(failed)?, stderr: text(&mut stderr).map_err(failed)? })
}

/// A file that was just written is busy for as long as another thread's child, between fork and exec, holds it open.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    for _ in 0..BUSY_RETRIES_MAX {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::sleep(POLL_INTERVAL),
            done => return done,
        }
    }
    command.spawn()
}

/// Like [`run`], but an exit code other than 0 is an error.
pub(super) fn run_checked(command: Command, limit: TimeLimit<'_>) -> Result<String, ProcessError> {
    let program = program_name(&command);
    let output = run(command, limit)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let last = |text: &str| text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned);
    let last_line = last(&output.stderr).or_else(|| last(&output.stdout));
    Err(ProcessError::Failed { program, status: output.status, last_line })
}

fn program_name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

fn text(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(KEPT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes of all files below a directory. Files that vanish meanwhile count as 0.
fn size_of(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{ProcessError, TimeLimit, run, run_checked};

    #[test]
    fn the_output_of_a_program_is_returned() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let output = run(command, TimeLimit::total(Duration::from_secs(30))).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_str(), output.stderr.as_str()), (Some(3), "out\n", "err\n"));
    }

    #[test]
    fn a_failure_names_the_last_line() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo first >&2; echo last >&2; exit 1"]);
        assert_eq!(run_checked(command, TimeLimit::total(Duration::from_secs(30))).unwrap_err().to_string(), "sh failed: last");
        let none = run_checked(Command::new("no-such-program-here"), TimeLimit::total(Duration::from_secs(30))).unwrap_err();
        assert_eq!(none.to_string(), "no-such-program-here is not installed");
    }

    #[test]
    fn the_time_limit_ends_children_too() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & wait"]);
        assert!(
            run(command, TimeLimit::total(Duration::from_millis(50))).is_err_and(|error| matches!(error, ProcessError::TimedOut { .. }))
        );
    }

    #[test]
    fn silence_ends_it_long_before_the_total_limit() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        let silence = Some((Duration::from_millis(50), directory.path()));
        assert!(
            run(command, TimeLimit { total: Duration::from_secs(600), silence })
                .is_err_and(|error| matches!(error, ProcessError::TimedOut { .. }))
        );
    }
}
