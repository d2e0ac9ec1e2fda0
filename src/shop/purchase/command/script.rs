//! A script of the user: a process that reads and writes lines.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::Instant;

use super::program::Program;
use super::protocol::{EXPECTED, Said};

/// The longest line a script may say, bytes: etcd itself takes no larger request.
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
    /// Why it cannot be started, in words.
    pub(super) fn start(program: &Program) -> Result<Self, String> {
        let name = program.name();
        let mut child = program.to_start()?.spawn().map_err(|error| format!("the script `{name}` cannot be started: {error}"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| format!("the script `{name}` has no pipes"))?;
        if let (Some(log), Some(errors)) = (program.log(), child.stderr.take()) {
            let log = Arc::clone(log);
            // It ends with the last process that holds the pipe's other end.
            tokio::spawn(async move { log.keep(errors).await });
        }
        Ok(Self { name, is_supervised: program.is_supervised(), child, input, output: BufReader::new(output) })
    }

    /// Tells it something.
    pub(super) async fn tell<T: Serialize>(&mut self, what: &T, deadline: Instant) -> Result<(), String> {
        let mut line = serde_json::to_vec(what).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let told = async {
            self.input.write_all(&line).await?;
            self.input.flush().await
        };
        match tokio::time::timeout_at(deadline, told).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.ended(&error.to_string()).await),
            Err(_) => Err(format!("the script `{}` does not read what it is told", self.name)),
        }
    }

    /// Reads the script's next line.
    pub(super) async fn hear(&mut self, deadline: Instant) -> Result<Said, String> {
        let mut line = Vec::new();
        let mut limited = (&mut self.output).take(LINE_BYTES_MAX);
        match tokio::time::timeout_at(deadline, limited.read_until(b'\n', &mut line)).await {
            Ok(Ok(0)) => Err(self.ended("it closed its standard output").await),
            Ok(Ok(_)) if !line.ends_with(b"\n") => Err(self.ended("its last line has no end").await),
            Ok(Ok(_)) => serde_json::from_slice(&line).map_err(|error| {
                let shown: String = String::from_utf8_lossy(&line).trim_end().chars().take(SHOWN_LETTERS).collect();
                format!("the script `{}` said {shown:?} ({error}); expected {EXPECTED}", self.name)
            }),
            Ok(Err(error)) => Err(self.ended(&error.to_string()).await),
            Err(_) => Err(format!(
                "the script `{}` did not finish the order within load.strategy.command.timeout; expected {EXPECTED}",
                self.name
            )),
        }
    }

    async fn ended(&mut self, how: &str) -> String {
        match tokio::time::timeout(EXIT_WAIT, self.child.wait()).await {
            Ok(Ok(status)) => format!("the script `{}` ended ({status}) in the middle of an order", self.name),
            _ => format!("the script `{}` does not go on: {how}", self.name),
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
