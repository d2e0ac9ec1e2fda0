//! Objectives and bottlenecks, on a real etcd.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::reader::HistoryReader;
use ticketcd_judge::history::run_dir::RunDir;

use crate::support::ticketcd_binary;

/// A short sale on one member, with objectives.
fn scenario(objectives: &str) -> String {
    format!(
        r#"
name = "objectives"

[cluster]
members = 1

[dataset]
users = 20
events = 4
ticket_types = 2
stock = {{ min = 1_000, max = 2_000 }}

[load]
buyers = 10
warm_up = "0s"
duration = "4s"
timeout = "10s"
arrivals.closed = {{ think = "20ms" }}

{objectives}
"#
    )
}

fn ticketcd(arguments: &[&str]) -> Output {
    Command::new(ticketcd_binary()).args(arguments).output().unwrap()
}

fn result_of(directory: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(RunDir::new(directory).result()).unwrap()).unwrap()
}

/// The exit code of judging the directory again, as if its scenario had asked for these objectives.
fn judged_again(directory: &Path, objectives: &str) -> (Option<i32>, String) {
    std::fs::write(RunDir::new(directory).scenario(), scenario(objectives)).unwrap();
    let output = ticketcd(&["check", directory.to_str().unwrap()]);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_run_is_held_against_its_objectives_and_says_what_limited_it() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("objectives.toml");
    let possible = "[[objective]]\nmetric = \"purchases_per_second\"\nabove = 0\n";
    let impossible = "[[objective]]\nmetric = \"purchase.response.p50\"\nbelow = \"0.000001ms\"\n";
    std::fs::write(&file, scenario(&format!("{possible}{impossible}"))).unwrap();
    let directory = temporary.path().join("run");
    let output = ticketcd(&["run", file.to_str().unwrap(), "--seed", "1", "--out", directory.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("MISSED    purchase.response.p50 was "), "{text}");

    let result = result_of(&directory);
    assert_eq!(result["verdict"], "objective_missed");
    let outcomes: Vec<&Value> = result["objectives"].as_array().unwrap().iter().map(|objective| &objective["outcome"]).collect();
    assert_eq!(outcomes, ["met", "missed"]);
    assert!(result["objectives"][1]["measured"].as_f64().unwrap() > 0.0);
    assert_schema(&result);
    assert_resources(&result);
    assert_samples(&directory);

    // Judging is from the directory alone, so what it asks for decides.
    assert_eq!(judged_again(&directory, possible).0, Some(0));
    assert_eq!(judged_again(&directory, impossible).0, Some(3));
    let unmeasured = "[[objective]]\nmetric = \"search.response.p50\"\nbelow = \"1h\"\n";
    let (code, text) = judged_again(&directory, unmeasured);
    assert!(text.contains("scenario.toml was modified after the run"), "{text}");
    assert_eq!(code, Some(2), "an unmeasured objective is never met: {text}");
    std::fs::remove_file(RunDir::new(&directory).scenario()).unwrap();
    let output = ticketcd(&["check", directory.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "the objectives are unknown");
}

fn assert_schema(result: &Value) {
    let schema: Value = serde_json::from_str(include_str!("../../docs/result.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(result).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// The figures are those of a member that wrote, on a machine that was busy with it.
fn assert_resources(result: &Value) {
    assert_ne!(result["limited_by"]["by"], "not_known", "{}", result["limited_by"]);
    let member = &result["resources"]["members"][0];
    let positive = |figure: &Value| figure.as_f64().is_some_and(|figure| figure > 0.0);
    for name in ["seconds", "fsync_ms", "backend_commit_ms", "cpu_percent", "resident_mib", "database_mib", "quota_mib"] {
        assert!(positive(&member[name]), "{name}: {member:#}");
    }
    assert_eq!((&member["name"], &member["no_space"]), (&Value::from("m1"), &Value::from(false)));
    let host = &result["resources"]["host"];
    assert!(positive(&host["own_cpu_percent"]) && positive(&host["processors"]), "{host:#}");
    let busy = host["busy_percent"].as_f64().unwrap();
    assert!((0.1..=100.0).contains(&busy), "{host:#}");
}

/// Totals only grow, and a member that took the load has synced its log.
fn assert_samples(directory: &Path) {
    let mut members = Vec::new();
    let mut host = Vec::new();
    for event in HistoryReader::open(&RunDir::new(directory).history()).unwrap() {
        match event.unwrap() {
            Event::Metrics(sample) => members.push(sample),
            Event::Host(sample) => host.push(sample),
            _ => {}
        }
    }
    let first_life: Vec<_> = members.iter().filter(|sample| sample.incarnation == 1).filter_map(|sample| sample.metrics.as_ref()).collect();
    assert!(first_life.len() >= 3, "{members:?}");
    for pair in first_life.windows(2) {
        assert!(pair[0].fsync.count <= pair[1].fsync.count && pair[0].cpu_us <= pair[1].cpu_us, "{pair:?}");
    }
    let (first, last) = (first_life.first().unwrap(), first_life.last().unwrap());
    assert!(last.fsync.count > first.fsync.count && last.fsync.sum_us > first.fsync.sum_us, "{first:?} {last:?}");
    assert!(host.len() >= 3 && host.windows(2).all(|pair| pair[0].own_cpu_us <= pair[1].own_cpu_us), "{host:?}");
}
