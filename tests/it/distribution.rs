//! What is given to people who do not compile: the archive of `make dist`, packed here with the program that is tested.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use flate2::read::GzDecoder;

/// Packs the tested program into `out`.
fn pack(out: &Path) -> Output {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dist.sh"));
    command.arg(env!("CARGO_BIN_EXE_ticketcd")).arg(out).output().unwrap()
}

#[test]
fn the_archive_holds_what_people_need_and_matches_its_checksum() {
    let directory = tempfile::tempdir().unwrap();
    let output = pack(directory.path());
    assert!(output.status.success(), "{output:?}");
    let archive = String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
    let name = Path::new(&archive).file_name().unwrap().to_str().unwrap().strip_suffix(".tar.gz").unwrap().to_owned();
    assert!(name.starts_with(concat!("ticketcd-", env!("CARGO_PKG_VERSION"), "-")) && name.contains("linux"), "{name}");

    let mut sums = Command::new("sha256sum");
    let verified = sums.args(["--check", "--strict", "SHA256SUMS"]).current_dir(directory.path()).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");

    let mut files = BTreeSet::new();
    for entry in tar::Archive::new(GzDecoder::new(File::open(&archive).unwrap())).entries().unwrap() {
        let entry = entry.unwrap();
        assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
        let path = entry.path().unwrap().into_owned();
        let inside = path.strip_prefix(&name).unwrap_or_else(|_| panic!("{} is outside {name}", path.display()));
        if inside == Path::new("ticketcd") {
            assert_eq!(entry.header().mode().unwrap() & 0o777, 0o755);
        }
        if entry.header().entry_type().is_file() {
            // A run without faults has none to list.
            assert!(entry.size() > 0 || inside.ends_with("faults.jsonl"), "{} is empty", path.display());
            files.insert(inside.to_str().unwrap().to_owned());
        }
    }
    let expected = [
        "ticketcd",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "completions/ticketcd.bash",
        "completions/_ticketcd",
        "completions/ticketcd.fish",
        "man/man1/ticketcd.1",
        "man/man1/ticketcd-run.1",
        "docs/stability.md",
        "docs/report.png",
        "reports/README.md",
        "reports/example/pass/report.html",
    ];
    let missing: Vec<&str> = expected.into_iter().filter(|file| !files.contains(*file)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in {files:?}");
}

#[test]
fn a_binary_that_does_not_run_is_not_packed() {
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dist.sh");
    let output = Command::new(script).arg("/bin/false").arg(directory.path().join("out")).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(fs::read_dir(directory.path().join("out")).unwrap().count(), 0);
}
