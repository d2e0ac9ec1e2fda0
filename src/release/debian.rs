//! Debian's packages of etcd. `apt-get` downloads them into separate lists and caches, from the mirror that this system already
//! uses, and verifies their signatures. The system is not changed, and root is not needed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Version;
use super::fetch_error::{FetchError, SuiteOffer};
use super::process::{TimeLimit, run_checked};
use super::versions::may_be_default;

/// Debian's package.
const PACKAGE: &str = "etcd-server";
/// Where Debian keeps the keys of its archive: the second name from Debian 13 on.
const KEYRINGS: [&str; 2] = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];
/// Longest time for a command that needs no network.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest time until the mirror responds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);
/// Longest time for a command that needs the network.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(180);

/// Downloads a version, or the newest that may be a default, from one of `suites` into `directory`; returns the binary.
pub(super) fn fetch(wanted: Option<&Version>, suites: &[&str], directory: &Path) -> Result<PathBuf, FetchError> {
    let mirror = mirror()?;
    let keyring = KEYRINGS.into_iter().find(|path| Path::new(path).is_file()).ok_or(FetchError::NoKeyring)?;
    let mut missing = Vec::new();
    for suite in suites {
        let apt = Apt { directory: directory.join(suite) };
        apt.prepare(&format!("deb [signed-by={keyring}] {mirror} {suite} main\n"))?;
        apt.update()?;
        let offered = apt.offered()?;
        let found = offered.iter().filter_map(|text| Some((upstream(text)?, text))).filter(|(version, _)| match wanted {
            Some(wanted) => version == wanted,
            None => may_be_default(version),
        });
        match found.max() {
            Some((_, package_version)) => return apt.fetch(package_version),
            None => missing.push(SuiteOffer { suite: (*suite).to_owned(), versions: offered }),
        }
    }
    Err(FetchError::NotPackaged(missing))
}

/// The mirror that this system is configured with.
fn mirror() -> Result<String, FetchError> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    let output = run_checked(command, TimeLimit::total(LOCAL_TIMEOUT))?;
    let mirror =
        output.lines().map(str::trim).find(|uri| !uri.is_empty() && !uri.contains("security") && !uri.contains(char::is_whitespace));
    mirror.map(str::to_owned).ok_or(FetchError::NoMirror)
}

/// The version of etcd in the version of a package: `1:3.5.30+dfsg-2` is 3.5.30.
fn upstream(package_version: &str) -> Option<Version> {
    let without_epoch = package_version.split_once(':').map_or(package_version, |(_, rest)| rest);
    let numbers = without_epoch.split(['-', '+', '~']).next()?;
    // A pre-release is marked with a tilde; its number alone would pass for the release.
    if without_epoch.contains('~') { None } else { numbers.parse().ok() }
}

/// `apt-get` with separate state.
struct Apt {
    directory: PathBuf,
}

impl Apt {
    fn prepare(&self, sources: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(self.directory.join("lists/partial"))?;
        std::fs::create_dir_all(self.directory.join("cache/archives/partial"))?;
        std::fs::write(self.directory.join("sources.list"), sources)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory);
        let directory = self.directory.display();
        for option in [
            format!("Dir::Etc::sourcelist={directory}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={directory}/lists"),
            format!("Dir::Cache={directory}/cache"),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "Acquire::IndexTargets::deb::CNF::DefaultEnabled=false".to_owned(),
            "Acquire::Retries=0".to_owned(),
            "APT::Update::Error-Mode=any".to_owned(),
            // Root would hand the download to another user, who may not enter this directory.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }

    fn limit(&self) -> TimeLimit<'_> {
        TimeLimit { total: DOWNLOAD_TIMEOUT, silence: Some((ANSWER_TIMEOUT, &self.directory)) }
    }

    fn update(&self) -> Result<(), FetchError> {
        let mut command = self.command("apt-get");
        command.args(["-q", "update"]);
        run_checked(command, self.limit())?;
        Ok(())
    }

    /// The versions of the package.
    fn offered(&self) -> Result<Vec<String>, FetchError> {
        let mut command = self.command("apt-cache");
        command.args(["madison", PACKAGE]);
        let output = run_checked(command, TimeLimit::total(LOCAL_TIMEOUT))?;
        Ok(output.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect())
    }

    fn fetch(&self, package_version: &str) -> Result<PathBuf, FetchError> {
        let mut command = self.command("apt-get");
        command.args(["-q", "download", &format!("{PACKAGE}={package_version}")]);
        run_checked(command, self.limit())?;
        let entries = std::fs::read_dir(&self.directory)?;
        let package = entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        let package = package.ok_or(FetchError::NoFile("apt-get"))?;
        let unpacked = self.directory.join("unpacked");
        let mut command = Command::new("dpkg-deb");
        command.arg("-x").arg(package).arg(&unpacked);
        run_checked(command, TimeLimit::total(LOCAL_TIMEOUT))?;
        let binary = unpacked.join("usr/bin/etcd");
        if binary.is_file() { Ok(binary) } else { Err(FetchError::NoBinary("package")) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Version, upstream};

    #[test]
    fn a_package_version_names_the_version_of_etcd() {
        for text in ["3.5.30-2", "1:3.5.30-2", "3.5.30+dfsg-1", "3.5.30"] {
            assert_eq!(upstream(text), Some(Version::new(3, 5, 30)), "{text}");
        }
        assert_eq!(upstream("3.6.0~rc1-1"), None);
        assert_eq!(upstream("unknown"), None);
    }
}
