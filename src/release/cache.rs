//! The cache of installed versions: `etcd/VERSION/etcd`. A version appears there whole or not at all.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use ticketcd_judge::history::io_reason;

use super::environment::Environment;
use super::versions::{NEWEST_KNOWN_GOOD, may_be_default};
use super::{EtcdBinary, ReleaseError, Version};

/// Where a version is, or would be.
pub(super) fn path_of(environment: &Environment, version: &Version) -> PathBuf {
    environment.cache.join("etcd").join(version.to_string()).join("etcd")
}

/// The versions that have a directory, in no order.
pub(super) fn versions(environment: &Environment) -> Vec<Version> {
    let Ok(entries) = std::fs::read_dir(environment.cache.join("etcd")) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The version, if it is there; nothing when there is no such file.
///
/// # Errors
/// When the file is there and cannot be used. Another source would not change what is there.
pub(super) fn find(environment: &Environment, version: &Version) -> Result<Option<EtcdBinary>, ReleaseError> {
    match get(environment, version) {
        Ok(binary) => Ok(Some(binary)),
        Err(ReleaseError::NoFile { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The version, if it is there and runs.
fn get(environment: &Environment, version: &Version) -> Result<EtcdBinary, ReleaseError> {
    let binary = EtcdBinary::at(&path_of(environment, version))?;
    if binary.version != *version {
        return Err(ReleaseError::OtherVersion { path: binary.path, wanted: version.clone(), found: binary.version });
    }
    Ok(binary)
}

/// A directory to work in. It is on the same file system as the cache, so that a rename is all that is left to do.
pub(super) fn workshop(environment: &Environment) -> Result<TempDir, ReleaseError> {
    let parent = environment.cache.join("etcd");
    let made = std::fs::create_dir_all(&parent).and_then(|()| tempfile::Builder::new().prefix(".install-").tempdir_in(&parent));
    made.map_err(|error| ReleaseError::Cache { path: parent, reason: io_reason(&error) })
}

/// Puts a binary into the cache under the version that it reports, when that is `wanted`, or, when none is given, one that may be
/// used by default. Of two concurrent calls the first wins; both succeed.
///
/// # Errors
/// When it is another version, and then nothing is in the cache that was not there before; when the cache cannot be written.
pub(super) fn put(environment: &Environment, file: &Path, wanted: Option<&Version>) -> Result<EtcdBinary, ReleaseError> {
    let failed = |error: std::io::Error| ReleaseError::Cache { path: environment.cache.clone(), reason: io_reason(&error) };
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    let version = EtcdBinary::at(file)?.version;
    if !wanted.map_or_else(|| may_be_default(&version), |wanted| *wanted == version) {
        let wanted = wanted.cloned().unwrap_or(NEWEST_KNOWN_GOOD);
        return Err(ReleaseError::OtherVersion { path: file.to_owned(), wanted, found: version });
    }
    let workshop = workshop(environment)?;
    let (ready, aside) = (workshop.path().join("ready"), workshop.path().join("aside"));
    std::fs::create_dir(&ready).map_err(failed)?;
    std::fs::rename(file, ready.join("etcd")).map_err(failed)?;
    let destination = environment.cache.join("etcd").join(version.to_string());
    if std::fs::rename(&ready, &destination).is_err() {
        if let Ok(binary) = get(environment, &version) {
            return Ok(binary);
        }
        // What is in its place does not run: it goes with the workshop.
        std::fs::rename(&destination, &aside).map_err(failed)?;
        std::fs::rename(&ready, &destination).map_err(failed)?;
    }
    get(environment, &version)
}
