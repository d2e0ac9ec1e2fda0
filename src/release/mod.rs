//! etcd binaries: finding, installing, and what differs between versions.
//!
//! Everything here blocks (for as long as a download takes); from async code, call it on a blocking thread.

pub mod binary;
pub mod version;
pub mod versions;

mod archive;
mod cache;
mod debian;
mod environment;
mod error;
mod fetch_error;
mod find;
mod install;
mod process;
mod wheel;

pub use binary::EtcdBinary;
pub use error::ReleaseError;
pub use fetch_error::{FailedSource, Wanted};
pub use find::{Installed, Origin, installed, resolve};
pub use install::{install, install_newest};
pub use version::Version;
pub use versions::{Flag, flag, known_bad};
