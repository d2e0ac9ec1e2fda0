//! Why a script could not be started, or did not serve an order.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use ticketcd_judge::history::io_reason;

use super::protocol::EXPECTED;

/// Why a script could not be started, or did not serve an order.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The scenario names no program.
    #[error("load.strategy.command.run names no program")]
    NoProgram,
    /// The log of its standard error cannot be created.
    #[error("cannot create {}: {}", path.display(), io_reason(source))]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be started.
    #[error("the script `{script}` cannot be started: {}", io_reason(source))]
    NotStarted {
        /// Its command.
        script: String,
        /// Why.
        source: io::Error,
    },
    /// It ended before it reported the outcome of the order.
    #[error("the script `{script}` ended ({status}) in the middle of an order")]
    Ended {
        /// Its command.
        script: String,
        /// How.
        status: ExitStatus,
    },
    /// It still runs, but a pipe to it is closed or broken.
    #[error("the script `{script}` stopped communicating: {}", io_reason(source))]
    Disconnected {
        /// Its command.
        script: String,
        /// How.
        source: io::Error,
    },
    /// It did not read its standard input, or did not report the outcome, in time.
    #[error("the script `{script}` did not finish the order within load.strategy.command.timeout; expected {EXPECTED}")]
    Timeout {
        /// Its command.
        script: String,
    },
    /// It wrote a line that is not part of the protocol.
    #[error("the script `{script}` wrote {line:?} ({source}); expected {EXPECTED}")]
    Line {
        /// Its command.
        script: String,
        /// The beginning of the line.
        line: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}
