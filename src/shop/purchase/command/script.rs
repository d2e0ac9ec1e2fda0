//! A process of the user's script, which reads and writes lines.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::Instant;

use super::program::Program;
use super::protocol::ScriptMessage;
use super::script_error::ScriptError;
use crate::shop::purchase::write::json;

/// The longest line that a script may write, bytes: etcd itself accepts no larger request.
const LINE_BYTES_MAX: u64 = 4 << 20;
/// Letters of a line that an error shows.
const SHOWN_LETTERS: usize = 200;
/// How long a script that has ended gets to have its exit status collected.
const EXIT_WAIT: Duration = Duration::from_millis(200);

/// A running script. Dropping it ends its process group. In a run a supervisor does that, also when this program is killed, and
/// what the script writes to standard error is kept; elsewhere its standard error goes where ours goes.
#[derive(Debug)]
pub(super) struct Script {
    name: String,
    is_supervised: bool,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Script {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(program: &Program) -> Result<Self, ScriptError> {
        let mut child = program.to_start()?.spawn().map_err(|source| program.not_started(source))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| program.not_started(io::ErrorKind::BrokenPipe.into()))?;
        if let (Some(log), Some(errors)) = (program.log(), child.stderr.take()) {
            let log = Arc::clone(log);
            // It ends with the last process that holds the other end of the pipe.
            tokio::spawn(async move { log.keep(errors).await });
        }
        Ok(Self { name: program.name(), is_supervised: program.is_supervised(), child, input, output: BufReader::new(output) })
    }

    /// Sends a line to the script.
    ///
    /// # Errors
    /// When the script has ended, or does not read the line before the deadline.
    pub(super) async fn send<T: Serialize>(&mut self, message: &T, deadline: Instant) -> Result<(), ScriptError> {
        let mut line = json(message).as_bytes().to_vec();
        line.push(b'\n');
        let written = async {
            self.input.write_all(&line).await?;
            self.input.flush().await
        };
        match tokio::time::timeout_at(deadline, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.ended(error).await),
            Err(_) => Err(ScriptError::Timeout { script: self.name.clone() }),
        }
    }

    /// Receives the next line of the script.
    ///
    /// # Errors
    /// When the script has ended, does not write a line before the deadline, or writes one that is not part of the protocol.
    pub(super) async fn receive(&mut self, deadline: Instant) -> Result<ScriptMessage, ScriptError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.output).take(LINE_BYTES_MAX);
        match tokio::time::timeout_at(deadline, limited.read_until(b'\n', &mut line)).await {
            Ok(Ok(0)) => Err(self.ended(io::Error::other("it closed its standard output")).await),
            Ok(Ok(_)) if !line.ends_with(b"\n") => Err(self.ended(io::Error::other("its last line is not terminated")).await),
            Ok(Ok(_)) => serde_json::from_slice(&line).map_err(|source| {
                let line = String::from_utf8_lossy(&line).trim_end().chars().take(SHOWN_LETTERS).collect();
                ScriptError::Line { script: self.name.clone(), line, source }
            }),
            Ok(Err(error)) => Err(self.ended(error).await),
            Err(_) => Err(ScriptError::Timeout { script: self.name.clone() }),
        }
    }

    /// The error of a script whose pipe is closed or broken.
    async fn ended(&mut self, source: io::Error) -> ScriptError {
        let script = self.name.clone();
        match tokio::time::timeout(EXIT_WAIT, self.child.wait()).await {
            Ok(Ok(status)) => ScriptError::Ended { script, status },
            _ => ScriptError::Disconnected { script, source },
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // The supervisor notices that its pipe is closed, and kills the whole group, which is not known here.
        if self.is_supervised {
            return;
        }
        // Without an id it has ended and was waited for.
        if let Some(group) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // The process may have ended.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}
