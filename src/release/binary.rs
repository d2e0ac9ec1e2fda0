//! An etcd binary, and the version that it reports.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};

use ticketcd_judge::history::io_reason;

use super::process::{ProcessError, TimeLimit, run_checked};
use super::{ReleaseError, Version, known_bad};

/// `etcd --version` answers at once; a busy machine is given time.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// An etcd binary that runs here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdBinary {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
    /// The commit it was built from, as it reports.
    pub git_sha: String,
    /// The Go version it was built with.
    pub go_version: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Why it must not be trusted, if its version is known to be bad.
    pub known_bad: Option<&'static str>,
}

impl EtcdBinary {
    /// Runs the file at `path` to find its version.
    ///
    /// # Errors
    /// When it is not there, does not run, or is no etcd.
    pub fn at(path: &Path) -> Result<Self, ReleaseError> {
        let not_etcd = |reason: String| ReleaseError::NotEtcd { path: path.to_owned(), reason };
        let no_file = |reason: &str| ReleaseError::NoFile { path: path.to_owned(), reason: reason.to_owned() };
        let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => no_file("no such file"),
            _ => not_etcd(error.to_string()),
        })?;
        if !metadata.is_file() {
            return Err(no_file("it is not a file"));
        }
        let path = std::path::absolute(path).map_err(|error| not_etcd(io_reason(&error)))?;
        let mut command = Command::new(&path);
        // Settings meant for a server in the environment are not for this.
        command.arg("--version").env_clear();
        let output = run_checked(command, TimeLimit::total(VERSION_TIMEOUT)).map_err(|error| {
            not_etcd(match error {
                // The file is there: it is what should load it that is not.
                ProcessError::NotInstalled { .. } => "the interpreter or loader that it names does not exist here".to_owned(),
                error => error.to_string(),
            })
        })?;
        let (version, git_sha, go_version) = parse(&output).ok_or_else(|| not_etcd("its --version output is not etcd's".to_owned()))?;
        let sha256 = sha256(&path).map_err(|error| not_etcd(io_reason(&error)))?;
        Ok(Self { known_bad: known_bad(&version), path, version, git_sha, go_version, sha256 })
    }
}

fn parse(output: &str) -> Option<(Version, String, String)> {
    let field = |name: &str| output.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    let version = field("etcd Version:")?.parse().ok()?;
    // Debian's builds print a sentence instead.
    let is_commit = |output: &String| !output.is_empty() && output.bytes().all(|byte| byte.is_ascii_hexdigit());
    let commit = field("Git SHA:").filter(is_commit).unwrap_or_else(|| "unknown".to_owned());
    Some((version, commit, field("Go Version:").unwrap_or_default()))
}

/// SHA-256 of a file, in hexadecimal.
pub(super) fn sha256(path: &Path) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        digest.update(read);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::{Version, parse};

    #[test]
    fn the_output_of_etcd_version_is_parsed() {
        let output = "etcd Version: 3.5.1\nGit SHA: e8732fb5f\nGo Version: go1.16.3\nGo OS/Arch: linux/amd64\n";
        assert_eq!(parse(output), Some((Version::new(3, 5, 1), "e8732fb5f".to_owned(), "go1.16.3".to_owned())));
        let debian = "etcd Version: 3.5.30\nGit SHA: Not provided (use ./build instead of go build)\nGo Version: go1.26.4\n";
        assert_eq!(parse(debian), Some((Version::new(3, 5, 30), "unknown".to_owned(), "go1.26.4".to_owned())));
        assert_eq!(parse("hello"), None);
        assert_eq!(parse("etcd Version: soon\n"), None);
    }
}
