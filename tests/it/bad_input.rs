//! Bad input gets one clear error, the right exit code, and changes nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn ticketcd(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ticketcd")).args(arguments).current_dir(directory).output().unwrap()
}

/// Runs a scenario of this text, and gives the exit code and what standard error says.
fn run_text(text: &[u8]) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine.toml"), text).unwrap();
    let output = ticketcd(directory.path(), &["run", "mine.toml"]);
    assert!(output.stdout.is_empty(), "nothing was run: {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was written");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_scenario_that_is_wrong_is_refused_with_its_position() {
    let cases: [(&str, &[&str]); 10] = [
        ("name = \"x\"\nexpect = \"violation:reel_time\"\n", &["mine.toml:2:10", "did you mean `violation:real_time`?"]),
        ("name = \"x\"\n[load]\nstrategy = \"command\"\n", &["mine.toml:3:12", "strategy.command = { run = [", "docs/command.md"]),
        ("name = \"x\"\n[load]\nbuyer = 3\n", &["mine.toml:3:1", "buyer", "buyers"]),
        ("name = \"x\"\n[load]\nbuyers = \"many\"\n", &["mine.toml:3:10"]),
        ("name = \"x\"\n[load]\narrivals.constant = { rate = -5 }\n", &["mine.toml:3", "negative"]),
        ("name = \"x\"\n[load]\nduration = \"soon\"\n", &["mine.toml:3:12", "soon"]),
        ("name = \"x\"\n[cluster]\nmembers = 3\n[[fault]]\nat = \"1s\"\ninject.kill = { target = \"m4\" }\n", &["mine.toml:6", "m4"]),
        ("name = \"x\"\n[[fault]]\nat = \"1s\"\ninject.kil = { target = \"m1\" }\n", &["mine.toml:4", "kill"]),
        ("", &["mine.toml is empty"]),
        ("seed = 1", &["mine.toml", "name"]),
    ];
    for (text, wanted) in cases {
        let (code, error) = run_text(text.as_bytes());
        assert_eq!(code, 64, "{text}\n{error}");
        for part in wanted {
            assert!(error.contains(part), "{part:?} is not in:\n{error}");
        }
        assert!(!error.contains("panicked"), "{error}");
    }
}

#[test]
fn random_bytes_are_no_scenario() {
    let noise: Vec<u8> = (0..4096_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (code, error) = run_text(&noise);
    assert_eq!(code, 64, "{error}");
    assert!(error.contains("mine.toml"), "{error}");
}

#[test]
fn a_scenario_that_is_not_there_names_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let output = ticketcd(directory.path(), &["run", "flash-sail"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{error}");
    assert!(error.contains("flash-sale"), "{error}");
}

#[test]
fn etcd_that_is_not_there_is_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let output = ticketcd(directory.path(), &["run", "quickstart", "--etcd", "./nowhere/etcd"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{error}");
    assert!(error.contains("nowhere/etcd"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_cannot_be_used_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let full = directory.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("precious"), b"mine").unwrap();
    for out in ["full", "full/precious", "full/precious/deeper", "/proc/nowhere"] {
        let output = ticketcd(directory.path(), &["run", "quickstart", "--out", out]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{out}: {error}");
        assert!(error.contains("--out"), "{error}");
    }
    assert_eq!(fs::read(full.join("precious")).unwrap(), b"mine");
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
}

#[test]
fn a_command_line_that_is_wrong_exits_with_64() {
    let directory = tempfile::tempdir().unwrap();
    let cases: [&[&str]; 9] = [
        &["run", "quickstart", "--expect", "violation:nonsense"],
        &["run", "quickstart", "--strategy", "command"],
        &["check", ".", "--timeout", "5s"],
        &["rum"],
        &["run"],
        &["run", "quickstart", "--seed", "x"],
        &["run", "quickstart", "--expect", "green"],
        &["check", "nowhere"],
        &["rerun", "nowhere"],
    ];
    for arguments in cases {
        let output = ticketcd(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
}

/// Generates a synthetic run in `name` of the directory.
fn generate(directory: &Path, name: &str) {
    let arguments = ["history", "generate", "--operations", "300", "--mutation", "oversell", "--out", name];
    let output = ticketcd(directory, &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_cause_of_an_unusable_run_has_its_own_remedy() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["runs/whole", "runs/torn", "runs/newer", "runs/broken"] {
        generate(directory.path(), name);
    }
    let path = |name: &str| directory.path().join("runs").join(name);
    fs::remove_file(path("torn/history.zst")).unwrap();
    fs::write(path("newer/run.json"), r#"{"format_version": 99}"#).unwrap();
    fs::write(path("broken/run.json"), "{").unwrap();
    fs::write(directory.path().join("etcd.log"), "").unwrap();
    let cases = [
        ("nowhere", "Pass a run directory"),
        ("etcd.log", "--format jepsen-etcd or --format jsonl"),
        ("runs/whole/history.zst", "ticketcd check runs/whole"),
        ("runs", "pass one of them: runs/broken, runs/newer, runs/torn, runs/whole."),
        ("runs/torn", "history.zst is missing"),
        ("runs/newer", "written by a newer ticketcd"),
        ("runs/broken", "run.json is damaged"),
    ];
    for (run, remedy) in cases {
        let output = ticketcd(directory.path(), &["check", run]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{run}: {error}");
        assert!(error.contains(remedy), "{run}: {error}");
        assert!(!error.contains("os error"), "{run}: {error}");
    }
}

#[test]
fn a_run_directory_is_no_scenario_and_a_synthetic_run_is_generated_again() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "g");
    for named in ["g", "./g/"] {
        let output = ticketcd(directory.path(), &["run", named]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{error}");
        assert!(error.contains("ticketcd rerun ") && error.contains("g/scenario.toml"), "{error}");
    }
    let again = "ticketcd history generate --operations 300 --tickets 1 --buyers 100 --seed 1 --mutation oversell --out NEW_DIR";
    let output = ticketcd(directory.path(), &["rerun", "g"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(64) && error.contains(again), "{error}");
    let output = ticketcd(directory.path(), &["check", "g"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && said.ends_with(&format!("rerun: {again}\n")), "{said}");
    let arguments: Vec<&str> = again.split(' ').skip(1).map(|word| if word == "NEW_DIR" { "h" } else { word }).collect();
    assert!(ticketcd(directory.path(), &arguments).status.success());
    let history = |name: &str| fs::read(directory.path().join(name).join("history.zst")).unwrap();
    assert_eq!(history("g"), history("h"), "it is the same run");
}

#[test]
fn an_unexpected_verdict_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "g");
    let difference = "expected violation:logs, got violation (";
    let output = ticketcd(directory.path(), &["check", "g", "--expect", "violation:logs"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.lines().rev().nth(1).is_some_and(|line| line.starts_with(difference)), "{said}");
    let output = ticketcd(directory.path(), &["check", "g", "--expect", "violation:logs", "--json"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(difference), "{said}");
}
