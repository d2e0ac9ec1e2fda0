//! What can go wrong with a cluster.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A member could not be started, stopped or signalled.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There is no such member.
    #[error("there is no member {0}")]
    NoSuchMember(String),
    /// The member's process is not there.
    #[error("{0} is not running")]
    NotRunning(String),
    /// The member's process is there already.
    #[error("{0} is running already")]
    AlreadyRunning(String),
    /// A Unix socket's path is too long for the kernel.
    #[error("the socket path {path} has {length} bytes, and Unix sockets allow {limit}: use a shorter data directory")]
    PathTooLong {
        /// The path of the longest-named socket.
        path: PathBuf,
        /// Its length, bytes.
        length: usize,
        /// The longest allowed, bytes.
        limit: usize,
    },
    /// The etcd binary or the leash cannot be run.
    #[error("cannot run {path}: {reason}")]
    Binary {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file, a port or a process could not be had.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A member ended while it was waited for.
    #[error("{member} ended ({status}): see its log {log}")]
    Ended {
        /// Which.
        member: String,
        /// How, in words.
        status: String,
        /// Its log file.
        log: PathBuf,
    },
    /// Members did not become healthy in time.
    #[error("not healthy after {waited:?}: {members}")]
    NotHealthy {
        /// Which members.
        members: String,
        /// How long they were given.
        waited: Duration,
    },
}

impl ClusterError {
    /// Wraps an error of the operating system with what was tried.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
