//! The runs of `reports/example`, which are under version control: they are whole, and what is said about them is still true.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use ticketcd::report::{RunResult, RunVerdict};

/// The files of a run that a reader expects.
const FILES: [&str; 9] =
    ["report.html", "result.json", "summary.md", "junit.xml", "latency.hlog", "faults.jsonl", "run.json", "scenario.toml", "history.zst"];

/// What all files of both runs may have together, since every clone fetches them.
const BYTES_MAX: u64 = 1_000_000;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/example").join(name)
}

/// The result of an example as it is under version control.
fn published(name: &str) -> (Value, RunResult) {
    let text = fs::read_to_string(example(name).join("result.json")).unwrap();
    (serde_json::from_str(&text).unwrap(), serde_json::from_str(&text).unwrap())
}

/// Verdict and verdicts of the checks.
fn verdicts(result: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = result["checks"].as_array().unwrap().iter().map(|check| (text(&check["name"]), text(&check["verdict"])));
    [("run".to_owned(), text(&result["verdict"]))].into_iter().chain(checks).collect()
}

fn bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { bytes(&entry.path()) } else { entry.metadata().unwrap().len() }).sum()
}

#[test]
fn the_examples_are_whole_and_small() {
    for name in ["pass", "violation"] {
        for file in FILES {
            assert!(example(name).join(file).is_file(), "{name} has no {file}: make example");
        }
    }
    let total = bytes(&example("pass")) + bytes(&example("violation"));
    assert!(total < BYTES_MAX, "{total} bytes");
}

#[test]
fn the_examples_show_a_pass_despite_a_fault_and_a_violation() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/result.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, verdict) in [("pass", RunVerdict::Pass), ("violation", RunVerdict::Violation)] {
        let (value, result) = published(name);
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name} does not match the schema of result.json: make example\n{errors:#?}");
        assert_eq!(result.verdict, verdict);
    }
    let (_, pass) = published("pass");
    assert!(pass.faults.iter().any(|fault| fault.kind == "kill" && fault.trouble.is_none()), "{:?}", pass.faults);
}

#[test]
fn a_check_of_the_examples_says_what_their_result_says() {
    for name in ["pass", "violation"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
        let output = command.args(["check", "--json"]).arg(example(name)).env_remove("GITHUB_STEP_SUMMARY").output().unwrap();
        let checked: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let (published, result) = published(name);
        assert_eq!(verdicts(&checked), verdicts(&published), "{name}: make example, when a check has changed on purpose");
        assert_eq!(output.status.code(), Some(i32::from(result.exit_code)), "{output:?}");
    }
}
