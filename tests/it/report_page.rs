//! The report page of a run directory, as `ticketcd report` writes it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn ticketcd(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ticketcd")).args(arguments).current_dir(directory).output().unwrap()
}

/// A synthetic run with a lost order, and its page.
fn page() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["history", "generate", "--operations", "3000", "--buyers", "20", "--mutation", "lost-order", "--out", "run"];
    assert!(ticketcd(directory.path(), &arguments).status.success());
    let output = ticketcd(directory.path(), &["report", "run"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "run/report.html\n");
    let page = fs::read_to_string(directory.path().join("run/report.html")).unwrap();
    (directory, page)
}

#[test]
fn the_page_of_a_violation_explains_it_and_draws_the_load() {
    let (directory, page) = page();
    for part in
        ["<strong>violation</strong>", "ledger · lost order", "id=\"throughput\"", "id=\"latency\"", "<path class=\"line one\" d=\"M"]
    {
        assert!(page.contains(part), "{part} is not on the page");
    }
    let result: serde_json::Value = serde_json::from_str(&fs::read_to_string(directory.path().join("run/result.json")).unwrap()).unwrap();
    let sold: u64 = result["series"].as_array().unwrap().iter().map(|second| second["sold"].as_u64().unwrap()).sum();
    assert_eq!(sold, result["load"]["sold"].as_u64().unwrap());
    assert!(directory.path().join("run/junit.xml").exists() && directory.path().join("run/latency.hlog").exists());
}

#[test]
fn the_page_needs_no_network_and_runs_no_script() {
    let (_directory, page) = page();
    for foreign in ["<script", "http:", "https:", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign} is on the page");
    }
    assert!(page.len() < 300_000, "{} bytes", page.len());
}

#[test]
fn a_report_on_no_run_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let output = ticketcd(directory.path(), &["report", "nowhere"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("cannot report on nowhere"), "{text}");
}

#[test]
fn the_step_summary_of_a_ci_system_is_appended_to() {
    let (directory, _) = page();
    let summary = directory.path().join("step.md");
    fs::write(&summary, "before\n").unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    let output = check.args(["check", "run"]).current_dir(directory.path()).env("GITHUB_STEP_SUMMARY", &summary).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n## ") && text.contains("| ledger | ❌ violation |"), "{text}");
    assert!(directory.path().join("run/summary.md").exists());
    let output = check.env("GITHUB_STEP_SUMMARY", directory.path()).output().unwrap();
    let note = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && note.contains("cannot write the step summary"), "{note}");
}

#[test]
fn the_operations_of_a_run_are_exported_and_a_directory_of_runs_has_an_index() {
    let (directory, _) = page();
    let output = ticketcd(directory.path(), &["report", "run", "--csv", "operations.csv"]);
    assert!(output.status.success(), "{output:?}");
    let table = fs::read_to_string(directory.path().join("operations.csv")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&fs::read_to_string(directory.path().join("run/result.json")).unwrap()).unwrap();
    let timed = result["load"]["achieved"].as_u64().unwrap() - result["load"]["rejected"].as_u64().unwrap();
    assert_eq!(table.lines().count() as u64, timed + 1);
    assert!(table.lines().all(|line| line.split(',').count() == 6), "{}", table.lines().next().unwrap());

    let output = ticketcd(directory.path(), &["report", "."]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "./index.html\n");
    assert!(fs::read_to_string(directory.path().join("index.html")).unwrap().contains("run/report.html"));
    let output = ticketcd(directory.path(), &["report", ".", "--csv", "operations.csv"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}

#[test]
fn runs_are_not_compared_with_flags_behind_the_separator() {
    let (directory, _) = page();
    let output = ticketcd(directory.path(), &["compare", "run", "--", "run", "--gate=5%"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("--gate=5% is read as a run directory: flags come before the `--`"), "{text}");
    let output = ticketcd(directory.path(), &["compare", "run", "--", "run"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(64) && text.contains("run is given twice"), "{text}");
}
