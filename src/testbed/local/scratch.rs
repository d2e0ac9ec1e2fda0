//! Where members keep their data and sockets: a directory that does not outlive the harness, however that ends.
//!
//! A harness that is killed cannot clean up, and its members may be down at that moment. So one more process of ours, the
//! cleaner, waits at a pipe as a supervisor does, and removes the directory when the pipe closes. In good order it goes the same way.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::supervisor;

/// How long the cleaner tries: members that are being killed may write a moment longer.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two tries.
const REMOVAL_INTERVAL: Duration = Duration::from_millis(10);

/// A directory in the system's temporary directory, where paths are short enough for sockets. It is removed when this is
/// closed or dropped, or when the process ends.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    cleaner: Child,
}

impl Scratch {
    /// Makes the directory and starts its cleaner, which is `program`: this one.
    ///
    /// # Errors
    /// When either fails; then no directory is left.
    pub fn create(program: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("ticketcd-").tempdir()?;
        let mut command = Command::new(program);
        command.args(["supervisor", "--scratch"]).arg(directory.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C in the terminal is for the harness alone.
        let cleaner = command.process_group(0).current_dir("/").spawn()?;
        Ok(Self { path: directory.keep(), cleaner })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the directory. Nothing may write to it any more.
    ///
    /// # Errors
    /// When it is still there afterwards.
    pub fn close(mut self) -> io::Result<()> {
        self.remove()
    }

    fn remove(&mut self) -> io::Result<()> {
        drop(self.cleaner.stdin.take());
        self.cleaner.wait()?;
        // Ours to do if the cleaner was killed.
        remove_if_there(&self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing is left to report to.
        let _ = self.remove();
    }
}

/// The cleaner: waits until standard input ends, then removes the directory.
///
/// # Errors
/// When it cannot be removed.
pub fn keep(directory: &Path) -> io::Result<()> {
    supervisor::block_terminal_signals()?;
    supervisor::await_end_of_input();
    let deadline = Instant::now() + REMOVAL_TIMEOUT;
    loop {
        match remove_if_there(directory) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(REMOVAL_INTERVAL),
            removed => return removed,
        }
    }
}

fn remove_if_there(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
