//! Recorded runs of each history format stay readable and keep their verdict.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ticketcd_judge::checks::check_run;
use ticketcd_judge::core::verdict::Verdict;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::reader::HistoryReader;
use ticketcd_judge::history::run_dir::RunDir;

/// What a golden run must give.
#[derive(serde::Deserialize)]
struct Expected {
    verdict: Verdict,
    /// Events by kind.
    events: BTreeMap<String, usize>,
    checks: BTreeMap<String, ExpectedCheck>,
}

#[derive(serde::Deserialize)]
struct ExpectedCheck {
    verdict: Verdict,
    /// The counts that are not 0.
    evidence: BTreeMap<String, u64>,
}

/// The directories of golden runs, one for each format.
fn golden() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/history/tests/golden");
    let mut directories: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    assert!(!directories.is_empty());
    directories
}

fn expected(directory: &Path) -> Expected {
    serde_json::from_slice(&fs::read(directory.join("expected.json")).unwrap()).unwrap()
}

/// Every event of a run, which must be whole.
fn events(run: &Path) -> Vec<Event> {
    let mut history = HistoryReader::open(&RunDir::new(run).history()).unwrap();
    let events: Vec<Event> = (&mut history).map(Result::unwrap).collect();
    assert!(history.tail().flaws(run).is_empty(), "{}", run.display());
    events
}

#[test]
fn every_record_of_a_golden_run_is_read() {
    for directory in golden() {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for event in events(&directory.join("run")) {
            let value = serde_json::to_value(&event).unwrap();
            let kind = value.as_object().unwrap().keys().next().unwrap().clone();
            *kinds.entry(kind).or_default() += 1;
        }
        assert_eq!(kinds, expected(&directory).events, "{}", directory.display());
    }
}

#[test]
fn a_golden_run_keeps_its_verdict_and_its_evidence() {
    for directory in golden() {
        let (judgement, expected) = (check_run(&directory.join("run")).unwrap(), expected(&directory));
        assert_eq!(judgement.verdict, expected.verdict, "{}", directory.display());
        for (name, expected) in expected.checks {
            let finding = judgement.findings.iter().find(|finding| finding.name == name);
            let finding = finding.unwrap_or_else(|| panic!("{}: no check {name}", directory.display()));
            let evidence = finding.evidence.iter().filter(|(_, count)| **count > 0).map(|(name, count)| (name.clone(), *count)).collect();
            assert_eq!((finding.verdict, evidence), (expected.verdict, expected.evidence), "{}: {name}", directory.display());
        }
    }
}

#[test]
fn a_golden_run_can_be_printed_and_packed_again() {
    let ticketcd = || Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    for directory in golden() {
        let (run, scratch) = (directory.join("run"), tempfile::tempdir().unwrap());
        let (lines, packed) = (scratch.path().join("lines"), scratch.path().join("packed"));
        let printed = ticketcd().args(["history", "cat"]).arg(&run).stdout(File::create(&lines).unwrap()).status().unwrap();
        assert!(printed.success());
        let mut pack = ticketcd();
        pack.args(["history", "pack"]).arg(&lines).arg("--run-info").arg(run.join("run.json")).arg("--out").arg(&packed);
        assert!(pack.stdout(Stdio::null()).status().unwrap().success());
        assert_eq!(events(&packed), events(&run), "{}", directory.display());
    }
}
