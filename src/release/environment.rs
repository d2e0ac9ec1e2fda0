//! The environment variables that locate etcd.

use std::ffi::OsString;
use std::path::PathBuf;

use ticketcd_judge::history::io_reason;

use super::ReleaseError;

/// Where the project's releases are.
const BASE_URL: &str = "https://github.com/etcd-io/etcd/releases/download";

/// The settings in the environment.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    /// `$TICKETCD_ETCD`: the binary to use when none is named.
    pub(super) etcd: Option<PathBuf>,
    /// `$PATH`.
    pub(super) path: OsString,
    /// `$TICKETCD_CACHE`, or the user's cache directory. Versions are in `etcd/VERSION/etcd` below it.
    pub(super) cache: PathBuf,
    /// `$TICKETCD_ETCD_BASE_URL`, without a slash at the end.
    pub(super) base_url: String,
}

impl Environment {
    pub(super) fn of_process() -> Result<Self, ReleaseError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = variable("TICKETCD_CACHE")
            .map(PathBuf::from)
            .or_else(|| variable("XDG_CACHE_HOME").map(|home| PathBuf::from(home).join("ticketcd")))
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache/ticketcd")))
            .ok_or_else(|| ReleaseError::Cache { path: "~/.cache".into(), reason: "HOME is not set; set TICKETCD_CACHE".to_owned() })?;
        // A member's working directory is its own, so the path of its binary must be absolute.
        let cache = std::path::absolute(&cache).map_err(|error| ReleaseError::Cache { path: cache, reason: io_reason(&error) })?;
        let base_url = std::env::var("TICKETCD_ETCD_BASE_URL").ok().filter(|url| !url.is_empty());
        Ok(Self {
            etcd: variable("TICKETCD_ETCD").map(PathBuf::from),
            path: variable("PATH").unwrap_or_default(),
            cache,
            base_url: base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/').to_owned(),
        })
    }
}
