//! The project's release archive: a tar file and its checksums.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use ureq::Agent;

use super::Version;
use super::binary::sha256;
use super::fetch_error::FetchError;

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time until a connected host responds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for a download.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// Larger than any archive or binary of etcd.
const BYTES_MAX: u64 = 300 * 1024 * 1024;
const CHECKSUMS_BYTES_MAX: u64 = 1024 * 1024;

/// Downloads a version into `directory` and returns the unpacked binary.
pub(super) fn fetch(base_url: &str, version: &Version, directory: &Path) -> Result<PathBuf, FetchError> {
    let Some(name) = archive_name(version) else { return Err(FetchError::UnsupportedSystem) };
    let is_encrypted = base_url.starts_with("https://");
    if !is_encrypted && !is_on_this_machine(base_url) {
        return Err(FetchError::NotEncrypted);
    }
    let agent: Agent = Agent::config_builder()
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        // Nor does a redirection lead away from it.
        .https_only(is_encrypted)
        .timeout_global(Some(DOWNLOAD_TIMEOUT))
        .build()
        .into();
    let folder = format!("{base_url}/v{version}");
    // The checksums are small and come first: a host without the version, or no host, is detected at once.
    let checksums = get(&agent, &format!("{folder}/SHA256SUMS"))?;
    let checksums = checksums.into_with_config().limit(CHECKSUMS_BYTES_MAX).read_to_string()?;
    let expected = checksum_of(&checksums, &name).ok_or_else(|| FetchError::NoChecksum(name.clone()))?;
    let archive = directory.join("archive.tar.gz");
    let mut body = get(&agent, &format!("{folder}/{name}"))?.into_with_config().limit(BYTES_MAX).reader();
    let mut file = File::create(&archive)?;
    std::io::copy(&mut body, &mut file)?;
    drop(file);
    let found = sha256(&archive)?;
    if found != expected {
        return Err(FetchError::ChecksumMismatch { file: name, found, expected });
    }
    unpack(&archive, directory)
}

/// Whether a URL without encryption leads to this machine, where nobody is in between.
fn is_on_this_machine(url: &str) -> bool {
    let Ok(url) = url.parse::<ureq::http::Uri>() else { return false };
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn get(agent: &Agent, url: &str) -> Result<ureq::Body, FetchError> {
    match agent.get(url).call() {
        Ok(answer) => Ok(answer.into_body()),
        Err(ureq::Error::StatusCode(404)) => Err(FetchError::NotPublished),
        Err(error) => Err(error.into()),
    }
}

fn archive_name(version: &Version) -> Option<String> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "s390x" => "s390x",
        _ => return None,
    };
    (std::env::consts::OS == "linux").then(|| format!("etcd-v{version}-linux-{architecture}.tar.gz"))
}

/// The checksum that a `SHA256SUMS` file gives a file.
fn checksum_of(checksums: &str, name: &str) -> Option<String> {
    checksums.lines().find_map(|line| {
        let (checksum, file) = line.split_once(char::is_whitespace)?;
        (file.trim().trim_start_matches('*') == name).then(|| checksum.to_ascii_lowercase())
    })
}

/// Writes only the etcd binary, under a fixed name.
fn unpack(archive: &Path, directory: &Path) -> Result<PathBuf, FetchError> {
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(archive)?));
    for entry in tar.entries()? {
        let entry = entry?;
        let is_etcd = entry.header().entry_type().is_file() && entry.path()?.file_name().is_some_and(|name| name == "etcd");
        if is_etcd {
            let path = directory.join("etcd");
            std::io::copy(&mut entry.take(BYTES_MAX), &mut File::create(&path)?)?;
            return Ok(path);
        }
    }
    Err(FetchError::NoBinary("archive"))
}

#[cfg(test)]
mod tests {
    use super::{checksum_of, fetch, is_on_this_machine};
    use crate::release::Version;
    use crate::release::fetch_error::FetchError;

    #[test]
    fn only_this_machine_is_asked_without_encryption() {
        for url in ["http://127.0.0.1:80/x", "http://[::1]:1", "http://localhost/x"] {
            assert!(is_on_this_machine(url), "{url}");
        }
        for url in ["http://example.com", "http://127.0.0.1.example.com", "http://localhost@example.com", "ftp:x"] {
            assert!(!is_on_this_machine(url), "{url}");
            let fetched = fetch(url, &Version::new(3, 5, 30), std::path::Path::new("/nowhere"));
            assert!(matches!(fetched, Err(FetchError::NotEncrypted)), "{url}: {fetched:?}");
        }
    }

    #[test]
    fn the_checksum_of_the_file_is_found() {
        let text = "aa  etcd-v3.5.1-linux-amd64.tar.gz.old\nBB  etcd-v3.5.1-linux-amd64.tar.gz\ncc *other\n";
        assert_eq!(checksum_of(text, "etcd-v3.5.1-linux-amd64.tar.gz").as_deref(), Some("bb"));
        assert_eq!(checksum_of(text, "other").as_deref(), Some("cc"));
        assert_eq!(checksum_of(text, "etcd"), None);
    }
}
