//! The project's release archive: a tar file beside its checksums.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use ureq::Agent;

use super::Version;
use super::binary::sha256;

/// An unreachable host is given up after this.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// A host that accepts and then says nothing, after this.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// A download takes at most this.
const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(300);
/// No archive or binary of etcd is as large.
const BYTES_MAX: u64 = 300 * 1024 * 1024;
const CHECKSUMS_BYTES_MAX: u64 = 1024 * 1024;

/// Downloads a version into `directory` and returns the unpacked binary.
pub(super) fn fetch(base_url: &str, version: &Version, directory: &Path) -> Result<PathBuf, String> {
    let Some(name) = archive_name(version) else { return Err("has no archive for this system".to_owned()) };
    let agent: Agent = Agent::config_builder()
        .timeout_resolve(Some(CONNECT_PATIENCE))
        .timeout_connect(Some(CONNECT_PATIENCE))
        .timeout_recv_response(Some(ANSWER_PATIENCE))
        .timeout_global(Some(DOWNLOAD_PATIENCE))
        .build()
        .into();
    let folder = format!("{base_url}/v{version}");
    // The checksums are small and come first: a host without the version, or no host, is known at once.
    let checksums = get(&agent, &format!("{folder}/SHA256SUMS"))?;
    let checksums = checksums.into_with_config().limit(CHECKSUMS_BYTES_MAX).read_to_string().map_err(|error| error.to_string())?;
    let expected = checksum_of(&checksums, &name).ok_or_else(|| format!("its checksums do not name {name}"))?;
    let archive = directory.join("archive.tar.gz");
    let mut body = get(&agent, &format!("{folder}/{name}"))?.into_with_config().limit(BYTES_MAX).reader();
    let mut file = File::create(&archive).map_err(|error| error.to_string())?;
    std::io::copy(&mut body, &mut file).map_err(|error| error.to_string())?;
    drop(file);
    let found = sha256(&archive).map_err(|error| error.to_string())?;
    if found != expected {
        return Err(format!("{name} has SHA-256 {found}, not {expected}: it is not used"));
    }
    unpack(&archive, directory)
}

fn get(agent: &Agent, url: &str) -> Result<ureq::Body, String> {
    match agent.get(url).call() {
        Ok(answer) => Ok(answer.into_body()),
        Err(ureq::Error::StatusCode(404)) => Err("does not have it".to_owned()),
        Err(error) => Err(error.to_string()),
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

/// Only the one file that is wanted is written, under a name of our own.
fn unpack(archive: &Path, directory: &Path) -> Result<PathBuf, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(archive).map_err(text)?));
    for entry in tar.entries().map_err(text)? {
        let entry = entry.map_err(text)?;
        let is_etcd = entry.header().entry_type().is_file() && entry.path().map_err(text)?.file_name().is_some_and(|name| name == "etcd");
        if is_etcd {
            let path = directory.join("etcd");
            std::io::copy(&mut entry.take(BYTES_MAX), &mut File::create(&path).map_err(text)?).map_err(text)?;
            return Ok(path);
        }
    }
    Err("its archive has no etcd in it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::checksum_of;

    #[test]
    fn the_checksum_of_the_file_is_found() {
        let text = "aa  etcd-v3.5.1-linux-amd64.tar.gz.old\nBB  etcd-v3.5.1-linux-amd64.tar.gz\ncc *other\n";
        assert_eq!(checksum_of(text, "etcd-v3.5.1-linux-amd64.tar.gz").as_deref(), Some("bb"));
        assert_eq!(checksum_of(text, "other").as_deref(), Some("cc"));
        assert_eq!(checksum_of(text, "etcd"), None);
    }
}
