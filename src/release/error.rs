//! Why there is no etcd to run.

use std::path::PathBuf;

use super::Version;
use super::fetch_error::{FailedSource, Wanted};

/// Why there is no etcd to run.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The request is neither a version nor the path of a file.
    #[error("{0:?} is neither an etcd version, such as 3.5.30, nor the path of a binary")]
    Malformed(String),
    /// The requested path is not a file.
    #[error("no etcd at {path}: {reason}", path = .path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        reason: String,
    },
    /// The file is not a working etcd binary.
    #[error("{path} is not a working etcd binary: {reason}", path = .path.display())]
    NotEtcd {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// No source has it.
    #[error(
        "{wanted} is not available:\n{}\nPut the binary at {destination}, pass a binary with --etcd PATH, or set TICKETCD_ETCD.",
        .tried.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"),
        destination = .destination.display()
    )]
    NotAvailable {
        /// The requested version.
        wanted: Wanted,
        /// Why each source did not provide it.
        tried: Vec<FailedSource>,
        /// Where a binary that you install yourself is looked for.
        destination: PathBuf,
    },
    /// The cache cannot be used.
    #[error("cannot use the cache {path}: {reason}", path = .path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The file reports another version than expected.
    #[error("{path} reports version {found}, expected {wanted}", path = .path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// What it was taken for.
        wanted: Version,
        /// What it is.
        found: Version,
    },
}

impl ReleaseError {
    /// Whether the request itself was wrong, rather than that it could not be met.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::NoFile { .. })
    }
}
