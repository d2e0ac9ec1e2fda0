//! Finding etcd: the binary a run uses.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::environment::Environment;
use super::versions::may_be_default;
use super::{EtcdBinary, ReleaseError, Version, cache, install};

/// Where an installed binary was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `$TICKETCD_ETCD` names it.
    Environment,
    /// It is on `$PATH`.
    Path,
    /// It is in our cache.
    Cache,
}

/// An etcd that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Its version.
    #[serde(serialize_with = "as_text")]
    pub version: Version,
    /// The commit it was built from.
    pub git_sha: String,
    /// The Go version it was built with.
    pub go_version: String,
    /// The file.
    pub path: PathBuf,
    /// Where it was found.
    pub source: Origin,
    /// Why it must not be trusted, if its version is known to be bad.
    pub known_bad: Option<&'static str>,
}

fn as_text<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(version)
}

/// Every etcd that is there and runs, the newest first.
///
/// # Errors
/// When it cannot be known where the cache is.
pub fn installed() -> Result<Vec<Installed>, ReleaseError> {
    let mut all: Vec<_> = present(&Environment::of_process()?)
        .into_iter()
        .map(|(source, binary)| Installed {
            version: binary.version,
            git_sha: binary.git_sha,
            go_version: binary.go_version,
            path: binary.path,
            source,
            known_bad: binary.known_bad,
        })
        .collect();
    all.sort_by(|left, right| right.version.cmp(&left.version).then(left.source.cmp(&right.source)));
    Ok(all)
}

/// The etcd to use. Nothing requested: `$TICKETCD_ETCD`, or else the newest known-good one on `$PATH` and in the cache, or
/// else the newest known-good one that a source has. A version: exactly that one, installed if missing. A path: that file.
///
/// # Errors
/// When it is not available, does not run, or the request is neither a version nor a file.
pub fn resolve(request: Option<&str>) -> Result<EtcdBinary, ReleaseError> {
    resolve_in(&Environment::of_process()?, request)
}

fn resolve_in(environment: &Environment, request: Option<&str>) -> Result<EtcdBinary, ReleaseError> {
    match request {
        None => by_default(environment),
        Some("latest") => install::newest(environment),
        Some(text) => match text.parse::<Version>() {
            Ok(version) => by_version(environment, &version),
            Err(_) if text.contains('/') || Path::new(text).is_file() => EtcdBinary::at(Path::new(text)),
            Err(_) => Err(ReleaseError::Malformed(text.to_owned())),
        },
    }
}

fn by_default(environment: &Environment) -> Result<EtcdBinary, ReleaseError> {
    if let Some(path) = &environment.etcd {
        return EtcdBinary::at(path);
    }
    let newest = present(environment)
        .into_iter()
        .map(|(_, binary)| binary)
        .filter(|binary| may_be_default(&binary.version))
        .max_by(|left, right| left.version.cmp(&right.version));
    if let Some(binary) = newest {
        return Ok(binary);
    }
    // One that is there and does not start is what the user meant: another one would hide what is wrong with it.
    match candidates(environment).into_iter().find_map(|(_, path)| EtcdBinary::at(&path).err().filter(does_not_start)) {
        Some(error) => Err(error),
        None => install::newest(environment),
    }
}

fn by_version(environment: &Environment, version: &Version) -> Result<EtcdBinary, ReleaseError> {
    if let Some(binary) = cache::find(environment, version)? {
        return Ok(binary);
    }
    let there = present(environment).into_iter().map(|(_, binary)| binary).find(|binary| binary.version == *version);
    there.map_or_else(|| install::exactly(environment, version), Ok)
}

/// Whether a file is there that should be an etcd, and does not start.
fn does_not_start(error: &ReleaseError) -> bool {
    matches!(error, ReleaseError::NotEtcd { .. })
}

/// The files that are looked for, whether they are there or not.
fn candidates(environment: &Environment) -> Vec<(Origin, PathBuf)> {
    let named = environment.etcd.iter().cloned().map(|path| (Origin::Environment, path));
    let on_path = std::env::split_paths(&environment.path).map(|directory| (Origin::Path, directory.join("etcd")));
    // An empty entry of PATH means the working directory, from which nothing is run unasked.
    let on_path = on_path.filter(|(_, path)| path.is_absolute());
    let cached = cache::versions(environment).into_iter().map(|version| (Origin::Cache, cache::path_of(environment, &version)));
    named.chain(on_path).chain(cached).collect()
}

/// Every etcd that is there and runs, each file once.
fn present(environment: &Environment) -> Vec<(Origin, EtcdBinary)> {
    let mut found: Vec<(Origin, EtcdBinary)> = Vec::new();
    for (source, path) in candidates(environment) {
        if let Ok(binary) = EtcdBinary::at(&path)
            && !found.iter().any(|(_, other)| other.path == binary.path)
        {
            found.push((source, binary));
        }
    }
    found
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
