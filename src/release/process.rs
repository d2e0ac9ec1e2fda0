//! Other programs, on a bounded time.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a program may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience<'path> {
    /// In all.
    pub(super) total: Duration,
    /// Until the first bytes are below this directory: a server that does not answer is given up long before a slow
    /// download is.
    pub(super) silence: Option<(Duration, &'path Path)>,
}

impl Patience<'_> {
    pub(super) const fn total(total: Duration) -> Self {
        Self { total, silence: None }
    }
}

/// What a program said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// How often a program is looked at. The system has no wait with a deadline.
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// How often an executable may be found busy.
const BUSY_LOOKS_MAX: usize = 50;
/// How much of what a program says is kept.
const KEPT_BYTES: u64 = 1024 * 1024;

/// Runs a program to its end, or kills it and its children when patience ends.
pub(super) fn run(mut command: Command, patience: Patience<'_>) -> Result<Said, String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{name} is not there"),
        _ => format!("{name}: {error}"),
    };
    // Files, not pipes: a grandchild that survives could hold a pipe open for ever.
    let (mut stdout, mut stderr) = (tempfile::tempfile().map_err(failed)?, tempfile::tempfile().map_err(failed)?);
    command.stdin(Stdio::null()).process_group(0).env("LC_ALL", "C");
    command.stdout(stdout.try_clone().map_err(failed)?).stderr(stderr.try_clone().map_err(failed)?);
    let mut child = spawn(&mut command).map_err(failed)?;
    let started = Instant::now();
    let before = patience.silence.map_or(0, |(_, directory)| size_of(directory));
    let mut answered = false;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        let silent = patience.silence.is_some_and(|(limit, directory)| {
            answered = answered || size_of(directory) > before;
            !answered && started.elapsed() >= limit
        });
        if silent || started.elapsed() >= patience.total {
            if let Ok(group) = i32::try_from(child.id()) {
                // It may have ended just now.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            child.wait().map_err(failed)?;
            return Err(format!("{name} gave no answer within {:.0} s", started.elapsed().as_secs_f64().ceil()));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    Ok(Said { status, stdout: text(&mut stdout).map_err(failed)?, stderr: text(&mut stderr).map_err(failed)? })
}

/// A file that was just written is busy for as long as another thread's child, between fork and exec, holds it open.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    for _ in 0..BUSY_LOOKS_MAX {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::sleep(LOOK_EVERY),
            done => return done,
        }
    }
    command.spawn()
}

/// Like [`run`], where an exit code other than 0 is a failure. The error is the program's last line.
pub(super) fn run_well(command: Command, patience: Patience<'_>) -> Result<String, String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let said = run(command, patience)?;
    if said.status.success() {
        return Ok(said.stdout);
    }
    let last = |text: &str| text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned);
    Err(format!("{name}: {}", last(&said.stderr).or_else(|| last(&said.stdout)).unwrap_or_else(|| said.status.to_string())))
}

fn text(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(KEPT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes of all files below a directory; what vanishes while it is looked at counts nothing.
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

    use super::{Patience, run, run_well};

    #[test]
    fn what_a_program_says_is_returned() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let said = run(command, Patience::total(Duration::from_secs(30))).unwrap();
        assert_eq!((said.status.code(), said.stdout.as_str(), said.stderr.as_str()), (Some(3), "out\n", "err\n"));
    }

    #[test]
    fn a_failure_is_its_last_line() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo first >&2; echo last >&2; exit 1"]);
        assert_eq!(run_well(command, Patience::total(Duration::from_secs(30))).unwrap_err(), "sh: last");
        let none = run_well(Command::new("no-such-program-here"), Patience::total(Duration::from_secs(30))).unwrap_err();
        assert_eq!(none, "no-such-program-here is not there");
    }

    #[test]
    fn patience_ends_for_children_too() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & wait"]);
        assert!(run(command, Patience::total(Duration::from_millis(50))).unwrap_err().contains("gave no answer"));
    }

    #[test]
    fn silence_ends_it_long_before_the_total() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        let silence = Some((Duration::from_millis(50), directory.path()));
        assert!(run(command, Patience { total: Duration::from_secs(600), silence }).unwrap_err().contains("gave no answer"));
    }
}
