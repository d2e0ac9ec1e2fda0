//! A hunt on real etcd: a good release shows no violation, and the same command resumes where it ended.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::eventually;

/// Short runs of three sizes of clusters: two of them pass, whatever the machine is busy with.
const SEED: &str = "1";

fn hunt(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    command.args(["hunt", "--seed", SEED, "--json"]).args(arguments).current_dir(directory).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn summary(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The only directory of a hunt there is.
fn hunt_directory(directory: &Path) -> std::path::PathBuf {
    let hunts: Vec<_> = fs::read_dir(directory.join("reports")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [hunt] = hunts.as_slice() else { panic!("{hunts:?}") };
    hunt.clone()
}

#[test]
fn a_good_release_shows_no_violation_and_a_finished_hunt_does_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let output = hunt(directory.path(), &["--runs", "3"]).output().unwrap();
    let first = summary(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(first["runs"].as_array().unwrap().len(), 3, "{said}");
    assert_eq!(first["findings"], Value::Array(Vec::new()), "{said}");
    // Runs that passed are removed, runs without a verdict are kept.
    let kept: Vec<&str> = first["runs"].as_array().unwrap().iter().filter_map(|run| run["kept"].as_str()).collect();
    let hunt_path = hunt_directory(directory.path());
    let mut there: Vec<String> = fs::read_dir(&hunt_path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.retain(|name| name != "hunt.jsonl");
    there.sort();
    assert_eq!(there, kept);

    let ledger = fs::read(hunt_path.join("hunt.jsonl")).unwrap();
    let again = hunt(directory.path(), &["--runs", "3"]).output().unwrap();
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(summary(&again), first, "the same summary from the ledger");
    assert_eq!(fs::read(hunt_path.join("hunt.jsonl")).unwrap(), ledger, "nothing was run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_is_judged_and_run_again() {
    let directory = tempfile::tempdir().unwrap();
    let child = hunt(directory.path(), &["--runs", "2", "--out", "h"]).spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let history = directory.path().join("h/run-1/history.zst");
    eventually("the first run records", async || fs::metadata(&history).is_ok_and(|file| file.len() > 0)).await;
    kill(pid, Signal::SIGINT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = summary(&output);
    assert_eq!(summary["runs"].as_array().unwrap().len(), 1);
    assert_eq!(summary["runs"][0]["outcome"], "interrupted");
    let ledger = fs::read_to_string(directory.path().join("h/hunt.jsonl")).unwrap();
    assert_eq!(ledger.lines().count(), 1, "only what is hunted: {ledger}");
    assert!(!directory.path().join("h/run-1").exists());
}

#[test]
fn a_directory_of_another_hunt_is_refused_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let draw_version = ticketcd::hunt::draw::DRAW_VERSION;
    let foreign = format!(r#"{{"format_version":1,"draw_version":{draw_version},"seed":2,"etcd_version":"3.5.30","etcd_sha256":""}}"#);
    fs::create_dir(directory.path().join("h")).unwrap();
    fs::write(directory.path().join("h/hunt.jsonl"), format!("{foreign}\n")).unwrap();
    let output = hunt(directory.path(), &["--runs", "1", "--out", "h"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("h/hunt.jsonl belongs to another hunt: its seed is 2, not 1") && said.contains("--out"), "{said}");
}
