//! What CI systems run: the step of the action, in a plain shell.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::support::ticketcd_binary;

/// Runs the step of the GitHub action that runs the scenario, as the action's `env` and `run` describe it.
fn step(directory: &Path, scenario: &str, flags: &str) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let action = fs::read_to_string(root.join("deploy/ci/github/action.yml")).unwrap();
    let command = action.lines().find_map(|line| line.trim().strip_prefix("run: '")?.strip_suffix('\'')).unwrap();
    let binary = ticketcd_binary();
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", command])
        .current_dir(directory)
        .env("PATH", path)
        .env("GITHUB_ACTION_PATH", root.join("deploy/ci/github"))
        .env("GITHUB_STEP_SUMMARY", directory.join("step.md"))
        .env("SCENARIO", scenario)
        .env("FLAGS", flags)
        .env("TICKETCD_OUT", "out")
        .env("TICKETCD_ETCD", "latest")
        .output()
        .unwrap()
}

#[test]
fn the_step_of_the_action_runs_a_scenario_within_its_budget() {
    let directory = tempfile::tempdir().unwrap();
    let output = step(directory.path(), "quickstart", "--budget 40s --seed 5");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}\n{errors}", String::from_utf8_lossy(&output.stdout));
    assert!(errors.contains("budget: the load is shortened from 20 s to 10 s; left out: partition at 12 s"), "{errors}");
    for file in ["report.html", "junit.xml", "summary.md", "result.json"] {
        assert!(directory.path().join("out").join(file).exists(), "{file}");
    }
    let summary = fs::read_to_string(directory.path().join("step.md")).unwrap();
    assert!(summary.starts_with("## quickstart: pass"), "{summary}");
    let scenario = fs::read_to_string(directory.path().join("out/scenario.toml")).unwrap();
    assert!(scenario.contains("Fitted into 40 s: the load is shortened"), "{scenario}");
    // A second run never writes into the directory of the first.
    let again = step(directory.path(), "quickstart", "");
    assert_eq!(again.status.code(), Some(64), "{}", String::from_utf8_lossy(&again.stderr));
}

#[test]
fn a_step_that_cannot_run_says_why() {
    let directory = tempfile::tempdir().unwrap();
    for (scenario, flags, part) in [
        ("no-such-scenario", "", "no-such-scenario"),
        ("flash-sale", "--budget 10s", "a budget of 10s is too short"),
        ("flash-sale", "--budget soon", "--budget"),
    ] {
        let output = step(directory.path(), scenario, flags);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{errors}");
        assert!(errors.contains(part), "{part} is not in: {errors}");
    }
}
