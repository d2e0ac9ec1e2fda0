//! What can go wrong with a testbed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ticketcd_judge::explain::Explain;
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::member::ProcessExit;

use crate::etcd::ClientError;
use crate::release::ReleaseError;

/// A testbed could not be prepared or started, or one of its members could not be controlled.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// etcd is not available.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// There is no such member.
    #[error("there is no member {0}")]
    NoSuchMember(String),
    /// The member's process is not running.
    #[error("{0} is not running")]
    NotRunning(String),
    /// The member's process is running already.
    #[error("{0} is already running")]
    AlreadyRunning(String),
    /// A Unix socket's path is too long for the kernel.
    #[error("the socket path {path} has {length} bytes; Unix sockets allow {limit}: set TMPDIR to a shorter path")]
    PathTooLong {
        /// The path of the longest-named socket.
        path: PathBuf,
        /// Its length, bytes.
        length: usize,
        /// The longest allowed, bytes.
        limit: usize,
    },
    /// The etcd binary or the supervisor cannot be run.
    #[error("cannot run {path}: {reason}")]
    Binary {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// An operation on a file, a port or a process failed.
    #[error("cannot {what}: {}", io_reason(.source))]
    Io {
        /// The operation.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A client of a member cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A member ended while the testbed waited for its health.
    #[error("{} exited ({}); see its log {}", member.name(), exit.in_words(), log.display())]
    Exited {
        /// Which.
        member: MemberIndex,
        /// How.
        exit: ProcessExit,
        /// Its log file.
        log: PathBuf,
    },
    /// A signal was sent, but the process that answers for the member still runs.
    #[error("{member} still runs as process {pid}")]
    WithoutEffect {
        /// Which member.
        member: String,
        /// The process that answers.
        pid: u32,
    },
    /// The process that answers on a member's socket is none of those that were started for it.
    #[error("process {pid} answers on the socket of {}, and it was not started for this member", member.name())]
    ForeignProcess {
        /// Which member.
        member: MemberIndex,
        /// The process that answers.
        pid: u32,
    },
    /// A member did not become healthy in time.
    #[error("{} is not healthy after {} s", member.name(), waited.as_secs())]
    NotHealthy {
        /// Which.
        member: MemberIndex,
        /// How long the testbed waited.
        waited: Duration,
    },
}

impl TestbedError {
    /// Wraps an error of the operating system with the operation that failed.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
