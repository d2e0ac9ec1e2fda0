//! Snapshots of what people see on terminals of 80 and of 120 columns: the summary of a run, the help of each command, lists; and
//! the main errors. `make snapshots` accepts a change, so that the difference is reviewed with the commit.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use insta::assert_snapshot;
use ticketcd::report::bottleneck::{LimitKind, LimitResult};
use ticketcd::report::build::describe;
use ticketcd::report::fairness::FairnessResult;
use ticketcd::report::latency::{Clock, LatencyLine};
use ticketcd::report::matrix::{MatrixResult, MatrixRow};
use ticketcd::report::objectives::{ObjectiveOutcome, ObjectiveResult};
use ticketcd::report::result::FaultResult;
use ticketcd::report::statistics::{LoadResult, RejectedOrders, WarmUpResult};
use ticketcd::report::{RunResult, RunVerdict, matrix, summary};
use ticketcd::scenario::metric::Unit;
use ticketcd::terminal::Screen;
use ticketcd_judge::core::verdict::{Finding, Verdict};
use ticketcd_judge::history::annotation::{Purpose, RejectionCause};
use ticketcd_judge::history::run_info::{EtcdInfo, MemberInfo, RunInfo};

/// The widths of terminals for which the screens are kept.
const WIDTHS: [usize; 2] = [80, 120];

/// The program, without the environment of whoever runs the tests.
fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    command.env_clear().env("HOME", directory).env("PATH", "/nonexistent").args(arguments).current_dir(directory);
    command
}

fn ticketcd(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

/// What the program prints on standard output for a width, and that it fits. A single word may be longer.
fn printed(directory: &Path, arguments: &[&str], columns: usize) -> String {
    let output = command(directory, arguments).env("COLUMNS", columns.to_string()).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_fits(&text, columns);
    text
}

/// The last line of a run is for programs and stays whole; and a single word may be longer than a line.
fn assert_fits(text: &str, columns: usize) {
    for line in text.lines().filter(|line| line.trim().contains(' ') && !line.contains(" · seed ")) {
        assert!(line.chars().count() <= columns, "more than {columns} columns: {line}");
    }
}

/// Keeps the summary of a run for both widths.
fn assert_summaries(name: &str, result: &RunResult) {
    for columns in WIDTHS {
        let screen = Screen::plain(columns);
        let last_line = summary::last_line(result, Path::new("reports/flash-sale"), screen);
        let text = format!("{}\n{last_line}\n", summary::render(result, screen));
        assert_fits(&text, columns);
        assert_snapshot!(format!("{name}_at_{columns}"), text);
    }
}

/// A run of three members as it is described in `run.json`.
fn run_info() -> RunInfo {
    let member = |number: u64| MemberInfo { name: format!("m{number}"), member_id: number, endpoint: String::new(), log: None };
    RunInfo {
        scenario: "flash-sale".to_owned(),
        strategy: "optimistic".to_owned(),
        seed: 7,
        started: "2026-11-22T18:00:00Z".to_owned(),
        etcd: EtcdInfo { version: "3.5.30".to_owned(), path: "/usr/bin/etcd".to_owned(), ..EtcdInfo::default() },
        members: (1..=3).map(member).collect(),
        ..RunInfo::default()
    }
}

fn finding(name: &str, evidence: &[(&str, u64)]) -> Finding {
    Finding {
        name: name.to_owned(),
        verdict: Verdict::Pass,
        reason: None,
        evidence: evidence.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect(),
        anomalies: Vec::new(),
        revenue: Vec::new(),
    }
}

fn latency(phase: &str, count: u64, p50_ms: f64, max_ms: f64) -> LatencyLine {
    let (operation, clock, phase) = (Purpose::Purchase, Clock::Response, phase.to_owned());
    let (p90_ms, p99_ms, p999_ms, mean_ms) = (p50_ms * 2.0, p50_ms * 5.0, p50_ms * 8.0, p50_ms * 1.2);
    LatencyLine { operation, phase, clock, count, sold_per_second: 471.8, p50_ms, p90_ms, p99_ms, p999_ms, max_ms, mean_ms }
}

/// A run of every kind of section: load, bottleneck, fault, latency, objective, checks, a note.
fn whole_run() -> RunResult {
    let load = LoadResult {
        offered: 6_120,
        achieved: 6_000,
        shed: 120,
        sold: 4_718,
        sold_out: 1_158,
        conflict: 61,
        rejected: 46,
        rejected_by: vec![
            RejectedOrders { cause: RejectionCause::Unavailable, orders: 40 },
            RejectedOrders { cause: RejectionCause::RefusedByEtcd, orders: 6 },
        ],
        unknown: 17,
        began_seconds: 4.2,
        warm_up: WarmUpResult { sold: 412, cancelled: 0 },
        purchases_per_second: 471.8,
        operations_per_second: 600.0,
        calibrated_per_second: Some(1_234.5),
        seconds: 10.0,
        fairness: FairnessResult { buyers_tried: 2_000, buyers_served: 1_912, largest_share: Some(0.02) },
        ..LoadResult::default()
    };
    let fault = FaultResult {
        kind: "kill".to_owned(),
        target: "leader".to_owned(),
        members: vec!["m2".to_owned()],
        start_seconds: Some(3.0),
        end_seconds: Some(5.4),
        what_happened: "killed m2 (leader); then started m2".to_owned(),
        effects: vec!["new leader m1 after 1.1 s".to_owned()],
        trouble: None,
    };
    let objective = ObjectiveResult {
        metric: "purchase.response.p99".to_owned(),
        phase: "steady".to_owned(),
        below: Some("250ms".to_owned()),
        above: None,
        measured: Some(19.0),
        unit: Unit::Milliseconds,
        outcome: ObjectiveOutcome::Met,
        sentence: "purchase.response.p99 was 19.0 ms; required: below 250ms".to_owned(),
    };
    RunResult {
        verdict: RunVerdict::Pass,
        exit_code: 0,
        load,
        limited_by: LimitResult { by: LimitKind::Disk, sentence: "the disk: WAL fsync takes 2.1 ms".to_owned(), also: Vec::new() },
        latency: vec![latency("steady", 4_718, 3.8, 1_160.2), latency("during fault 1", 212, 771.1, 1_160.2)],
        faults: vec![fault],
        objectives: vec![objective],
        checks: vec![
            finding("oversell", &[("sales", 5_142), ("revisions", 9_120)]),
            finding("ledger", &[("acknowledged", 5_130), ("unknown", 17), ("unknown_applied", 12), ("unknown_absent", 5)]),
            finding("real_time", &[("operations_compared", 12_044)]),
        ],
        notes: vec!["a note that the reader should know".to_owned()],
        ..describe(run_info())
    }
}

#[test]
fn summary_of_a_pass() {
    assert_summaries("summary_of_a_pass", &whole_run());
}

#[test]
fn summary_of_an_interrupted_run() {
    let run = whole_run();
    let load = LoadResult { seconds: 4.2, ..run.load };
    let fault = FaultResult {
        start_seconds: None,
        end_seconds: None,
        what_happened: String::new(),
        effects: Vec::new(),
        trouble: Some("the run was interrupted before the fault was due".to_owned()),
        ..run.faults[0].clone()
    };
    let faults = vec![run.faults[0].clone(), fault];
    assert_summaries("summary_of_an_interrupted_run", &RunResult { interrupted: true, exit_code: 130, load, faults, ..run });
}

#[test]
fn summary_of_an_invalid_run() {
    let reasons = vec!["m2 exited (exit code 1) before the cluster was healthy".to_owned()];
    assert_summaries(
        "summary_of_an_invalid_run",
        &RunResult { verdict: RunVerdict::Invalid, exit_code: 4, reasons, ..describe(run_info()) },
    );
}

#[test]
fn summary_of_a_violation() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["history", "generate", "--operations", "2000", "--plant", "oversell", "--out", "g"];
    assert!(ticketcd(directory.path(), &arguments).status.success());
    for columns in WIDTHS {
        assert_snapshot!(format!("summary_of_a_violation_at_{columns}"), printed(directory.path(), &["check", "g"], columns));
    }
}

#[test]
fn summary_of_a_valid_synthetic_run() {
    let directory = tempfile::tempdir().unwrap();
    assert!(ticketcd(directory.path(), &["history", "generate", "--operations", "2000", "--out", "g"]).status.success());
    for columns in WIDTHS {
        assert_snapshot!(format!("summary_of_a_valid_synthetic_run_at_{columns}"), printed(directory.path(), &["check", "g"], columns));
    }
}

#[test]
fn lists() {
    let directory = tempfile::tempdir().unwrap();
    let lists: [(&str, &[&str]); 3] = [
        ("scenarios", &["scenario", "list"]),
        ("metrics", &["scenario", "metrics"]),
        ("mutations", &["history", "generate", "--mutation", "list"]),
    ];
    for (name, arguments) in lists {
        for columns in WIDTHS {
            assert_snapshot!(format!("list_of_{name}_at_{columns}"), printed(directory.path(), arguments, columns));
        }
    }
}

#[test]
fn a_matrix() {
    let fairness = FairnessResult { buyers_tried: 64, buyers_served: 31, largest_share: Some(0.175) };
    let row = |strategy: &str, sold, conflict| MatrixRow {
        directory: format!("1-{strategy}"),
        ..MatrixRow::new(
            &RunResult {
                strategy: strategy.to_owned(),
                load: LoadResult {
                    sold,
                    conflict,
                    purchases_per_second: sold as f64 / 5.0,
                    fairness: fairness.clone(),
                    ..whole_run().load
                },
                ..whole_run()
            },
            String::new(),
        )
    };
    let matrix = MatrixResult {
        schema_version: 1,
        scenario: "contention".to_owned(),
        seed: 1,
        interrupted: true,
        rows: vec![row("optimistic", 1_421, 545), row("fenced-lock", 918, 0), row("batched", 77_248, 0)],
        not_run: vec!["sharded on 3.5.30".to_owned()],
    };
    for columns in WIDTHS {
        let text = matrix::render(&matrix, Screen::plain(columns));
        assert_fits(&text, columns);
        assert_snapshot!(format!("matrix_at_{columns}"), text);
    }
}

#[test]
fn help_of_each_command() {
    let commands: [&[&str]; 35] = [
        &[],
        &["demo"],
        &["run"],
        &["rerun"],
        &["hunt"],
        &["check"],
        &["report"],
        &["compare"],
        &["serve"],
        &["man"],
        &["history", "anomalies"],
        &["scenario"],
        &["scenario", "list"],
        &["scenario", "metrics"],
        &["scenario", "show"],
        &["dataset"],
        &["dataset", "load"],
        &["dataset", "verify"],
        &["dataset", "clean"],
        &["query"],
        &["query", "purchases"],
        &["query", "revenue"],
        &["query", "search"],
        &["buy"],
        &["cluster"],
        &["cluster", "up"],
        &["etcd"],
        &["etcd", "install"],
        &["etcd", "list"],
        &["history"],
        &["history", "cat"],
        &["history", "pack"],
        &["history", "generate"],
        &["schema"],
        &["completions"],
    ];
    let directory = tempfile::tempdir().unwrap();
    for command in commands {
        let name = if command.is_empty() { "ticketcd".to_owned() } else { command.join("_") };
        for columns in WIDTHS {
            let help = printed(directory.path(), &[command, &["--help"]].concat(), columns);
            assert_snapshot!(format!("help_{name}_at_{columns}"), help);
        }
    }
}

#[test]
fn main_errors() {
    let directory = tempfile::tempdir().unwrap();
    assert!(ticketcd(directory.path(), &["history", "generate", "--operations", "300", "--out", "g"]).status.success());
    fs::write(directory.path().join("mine.toml"), "name = \"mine\"\n[load]\nbuyer = 3\n").unwrap();
    let cases: [&[&str]; 11] = [
        &["run", "flash-sail"],
        &["run", "mine.toml"],
        &["run", "g"],
        &["run", "quickstart", "--expect", "green"],
        &["run", "quickstart", "--etcd", "./nowhere/etcd"],
        &["run", "quickstart", "--etcd", "latst"],
        &["history", "generate", "--out", "g"],
        &["check", "nowhere"],
        &["check", "mine.toml"],
        &["rerun", "g"],
        &["buy", "e1", "--buyer", "ann", "pink=0"],
    ];
    let mut text = String::new();
    for arguments in cases {
        let output = ticketcd(directory.path(), arguments);
        let error = String::from_utf8(output.stderr).unwrap().replace(&directory.path().display().to_string(), "DIR");
        text.push_str(&format!("$ ticketcd {}\n{error}exit code {}\n\n", arguments.join(" "), output.status.code().unwrap()));
    }
    assert_snapshot!(text);
}
