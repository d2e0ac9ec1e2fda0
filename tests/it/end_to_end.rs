//! The whole chain on real etcd: a run, its verdict, what it leaves behind, and what is left when it is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Small enough to be quick, large enough that a killed leader is felt.
const SMALL: &[&str] = &[
    "--set",
    "load.buyers=40",
    "--set",
    "load.duration=6s",
    "--set",
    "load.warm_up=200ms",
    "--set",
    "dataset.users=60",
    "--set",
    "dataset.events=6",
];

const KILL_LEADER: &str = "[[fault]]\nat = \"1s\"\ninject.kill = { target = \"leader\", restart_after = \"500ms\" }\n";

struct Runs {
    directory: tempfile::TempDir,
}

impl Runs {
    fn new() -> Self {
        let runs = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(runs.path("t")).unwrap();
        runs
    }

    /// What is left of runs that are over, outside of their run directories: processes, and directories of members.
    fn remains(&self) -> Vec<String> {
        let scratch = fs::read_dir(self.path("t")).unwrap().map(|entry| entry.unwrap().path().display().to_string());
        processes_of(self.directory.path()).into_iter().chain(scratch).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
        command.args(arguments).current_dir(self.directory.path()).env("TMPDIR", self.path("t"));
        command
    }

    fn ticketcd(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A scenario file with these faults, and the arguments that run it small.
    fn scenario(&self, name: &str, faults: &str) -> Vec<String> {
        let file = format!("{name}.toml");
        fs::write(self.path(&file), format!("name = \"{name}\"\n{faults}")).unwrap();
        ["run", &file, "--out", name, "--seed", "3"].iter().chain(SMALL).map(ToString::to_string).collect()
    }

    fn result(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name).join("result.json")).unwrap()).unwrap()
    }
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Processes whose command line names this directory.
fn processes_of(directory: &Path) -> Vec<String> {
    let needle = directory.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let line = fs::read(path.join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let own = path.file_name()?.to_str()?.parse::<u32>().ok()? == std::process::id();
        (!own && line.contains(needle)).then_some(line)
    });
    processes.collect()
}

fn await_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a run has begun to sell.
fn await_sales(child: &mut Child, run: &Path) {
    await_until("the sale", Duration::from_secs(60), || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it began to sell");
        let shown = Command::new(env!("CARGO_BIN_EXE_ticketcd"))
            .args(["history", "cat", "--kind", "order_closed"])
            .arg(run)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        shown.stdout.iter().filter(|byte| **byte == b'\n').count() > 50
    });
}

#[test]
fn a_sale_with_a_killed_leader_passes_and_is_judged_alike_afterwards() {
    let runs = Runs::new();
    let output = runs.ticketcd(&words(&runs.scenario("sale", KILL_LEADER)));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap().to_owned();
    assert!(last.starts_with("pass · seed 3 · ") && last.contains("ticketcd rerun"), "{last}");

    let result = runs.result("sale");
    let schema: Value = serde_json::from_str(include_str!("../../docs/result.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&result).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(result["load"]["sold"].as_u64().unwrap() > 0);
    assert_eq!(result["faults"][0]["kind"], "kill");
    assert!(result["faults"][0]["end_seconds"].as_f64().unwrap() > result["faults"][0]["start_seconds"].as_f64().unwrap());
    assert!(!result["faults"][0]["effects"].as_array().unwrap().is_empty(), "the kill had an effect");

    let rerun = String::from_utf8(runs.ticketcd(&["scenario", "show", "sale/scenario.toml", "--resolved"]).stdout).unwrap();
    assert!(rerun.contains("buyers = 40") && rerun.contains("target = \"leader\""), "what ran can be run again: {rerun}");

    let again = runs.ticketcd(&["check", "sale", "--json"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    let judged: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(judged["checks"], result["checks"]);
    assert_eq!(judged["load"], result["load"]);
    assert_eq!(runs.remains(), Vec::<String>::new());
}

#[test]
fn naive_buyers_oversell_and_the_report_says_how() {
    let runs = Runs::new();
    let output = runs.ticketcd(&["run", "naive-oversell", "--seed", "5", "--out", "naive"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let result = runs.result("naive");
    let oversell = result["checks"].as_array().unwrap().iter().find(|check| check["name"] == "oversell").unwrap();
    assert_eq!(oversell["verdict"], "violation");
    let first = &oversell["anomalies"][0]["first"];
    assert!(!first["orders"].as_array().unwrap().is_empty() && first["revision"].as_i64().is_some(), "{first:#}");
    assert!(!first["keys"].as_array().unwrap().is_empty() && !first["explanation"].as_array().unwrap().is_empty(), "{first:#}");

    let expected = runs.ticketcd(&["check", "naive", "--expect", "violation:oversell"]);
    assert_eq!(expected.status.code(), Some(0));
    let unexpected = runs.ticketcd(&["check", "naive", "--expect", "pass"]);
    assert_eq!(unexpected.status.code(), Some(5));
}

#[test]
fn a_killed_harness_leaves_no_process_and_a_record_that_raises_no_false_alarm() {
    let runs = Runs::new();
    let arguments = runs.scenario("killed", "");
    let mut child =
        runs.command(&words(&arguments)).args(["--set", "load.duration=60s"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    await_sales(&mut child, &runs.path("killed"));
    let supervised = descendants(child.id());
    assert!(supervised.len() >= 6, "three members ran, each with its supervisor: {supervised:?}");
    assert!(runs.remains().len() >= 2, "their directory and its keeper can be seen: {:?}", runs.remains());
    child.kill().unwrap();
    child.wait().unwrap();
    await_until("the end of every member", Duration::from_secs(2), || {
        supervised.iter().all(|pid| !alive(*pid)) && runs.remains().is_empty()
    });
    let output = runs.ticketcd(&["check", "killed"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn an_interrupted_run_is_healed_stopped_kept_and_judged() {
    let runs = Runs::new();
    let pause = "[[fault]]\nat = \"500ms\"\ninject.pause = { target = \"follower\", for = \"40s\" }\n";
    let arguments = runs.scenario("stopped", pause);
    let mut child =
        runs.command(&words(&arguments)).args(["--set", "load.duration=60s"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    await_sales(&mut child, &runs.path("stopped"));
    await_until("the pause", Duration::from_secs(20), || {
        fs::read_to_string(runs.path("stopped/faults.jsonl")).is_ok_and(|text| text.contains("injected"))
    });
    let supervised = descendants(child.id());
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(fs::read_to_string(runs.path("stopped/faults.jsonl")).unwrap().contains("healed"));
    assert!(supervised.iter().all(|pid| !alive(*pid)));
    assert_eq!(runs.remains(), Vec::<String>::new());
    let result = runs.result("stopped");
    assert_eq!((&result["verdict"], &result["interrupted"]), (&Value::from("pass"), &Value::from(true)), "{}", said(&output));
    assert!(said(&output).contains("The run was interrupted"), "{}", said(&output));
    // Whoever checks it later interrupted nothing.
    let checked = runs.ticketcd(&["check", "stopped"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
}

/// The process and every process below it, but not the process itself.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![pid];
    while let Some(parent) = open.pop() {
        for task in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children: Vec<u32> = children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
            found.extend(&children);
            open.extend(&children);
        }
    }
    found
}

fn alive(pid: u32) -> bool {
    // A zombie is dead: it only waits for its parent.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Between the stop and the start of all members no member is running.
#[test]
fn a_second_interrupt_leaves_at_once_and_leaves_nothing_even_when_every_member_is_down() {
    let runs = Runs::new();
    let arguments = runs.scenario("twice", "");
    let log = fs::File::create(runs.path("twice.log")).unwrap();
    let mut child =
        runs.command(&words(&arguments)).args(["--set", "load.duration=500ms"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    await_until("the audit", Duration::from_secs(60), || {
        fs::read_to_string(runs.path("twice.log")).unwrap().contains("auditing every member")
    });
    await_until("the end of a member", Duration::from_secs(20), || {
        let shown = runs.ticketcd(&["history", "cat", "--kind", "member", "twice"]);
        String::from_utf8_lossy(&shown.stdout).contains("exited")
    });
    for _ in 0..2 {
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    await_until("the end of what it had begun", Duration::from_secs(2), || runs.remains().is_empty());
}
