//! A known-bad release of etcd must be convicted by the whole tool.

use std::process::Command;

use serde_json::Value;

/// How often it may get away.
const TRIES: u64 = 5;

#[test]
fn etcd_3_5_1_is_convicted_of_letting_members_drift_apart() {
    let directory = tempfile::tempdir().unwrap();
    for seed in 1..=TRIES {
        let out = format!("run-{seed}");
        let output = Command::new(env!("CARGO_BIN_EXE_ticketcd"))
            .args(["run", "crash-recovery", "--etcd", "3.5.1", "--fail-fast", "--json", "--seed", &seed.to_string(), "--out", &out])
            .current_dir(directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert!(result["etcd"]["known_bad"].as_str().is_some_and(|defect| defect.contains("13766")), "the run says what it ran on");
        match output.status.code() {
            Some(1) => return convicted_of_divergence(&result),
            Some(0) => {}
            code => panic!("exit {code:?}: {said}"),
        }
    }
    panic!("not convicted in {TRIES} tries");
}

fn convicted_of_divergence(result: &Value) {
    let checks = result["checks"].as_array().unwrap();
    let guilty = checks
        .iter()
        .filter(|check| check["verdict"] == "violation" && ["divergence", "replicas"].contains(&check["name"].as_str().unwrap()));
    let stories: Vec<&Value> =
        guilty.flat_map(|check| check["anomalies"].as_array().unwrap()).map(|group| &group["first"]["explanation"]).collect();
    let names_members = |explanation: &&Value| explanation.to_string().contains("m1") && explanation.to_string().contains("m2");
    assert!(stories.iter().any(names_members), "it says what differs between which members: {stories:#?}");
}
