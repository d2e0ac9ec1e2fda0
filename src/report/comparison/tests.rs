use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::run_info::RunInfo;

use super::*;
use crate::report::build::describe;
use crate::report::latency::{Sample, write_log};
use crate::report::resources::{HostResources, ResourcesResult};
use crate::report::result::{RunResult, RunVerdict};
use crate::report::series::SecondResult;
use crate::report::windows::Window;
use crate::terminal::Screen;

const SECOND: u64 = 1_000_000_000;
const SECONDS: u64 = 20;

/// A run of twenty seconds, as it is read back.
struct Made {
    /// Milliseconds that a purchase takes; a hundred of them are made in each second.
    milliseconds: u64,
    scenario: &'static str,
    result: RunResult,
}

impl Made {
    fn new(number: u64) -> Self {
        let series = (0..SECONDS).map(|second| SecondResult {
            second,
            offered: 100,
            achieved: 100,
            sold: 90 + (second + number) % 5,
            ..SecondResult::default()
        });
        let mut result = RunResult {
            verdict: RunVerdict::Pass,
            seed: number,
            started: format!("2026-01-01T00:00:{number:02}Z"),
            scenario: "made".to_owned(),
            strategy: "optimistic".to_owned(),
            series: series.collect(),
            ..describe(RunInfo::default())
        };
        result.load.seconds = SECONDS as f64;
        Self { milliseconds: 5, scenario: "[load]\nbuyers = 10\n", result }
    }

    fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("run-{}", self.result.seed));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("result.json"), serde_json::to_vec(&self.result).unwrap()).unwrap();
        fs::write(path.join("scenario.toml"), self.scenario).unwrap();
        let sample = |number: u64| {
            let due = number * SECOND / 100;
            Sample::new(Purpose::Purchase, due, due, due + (self.milliseconds * 1_000_000) + (number % 7) * 100_000, true)
        };
        let samples: Vec<Sample> = (0..SECONDS * 100).map(sample).collect();
        let load = Window { name: "steady".to_owned(), from: 0, until: SECONDS * SECOND };
        write_log(File::create(path.join("latency.hlog")).unwrap(), &samples, Some(&load)).unwrap();
        path
    }
}

/// Writes the runs of both sides and compares them.
fn compared(baseline: &[Made], candidate: &[Made], is_forced: bool) -> Result<(Comparison, String), Vec<Obstacle>> {
    let directory = tempfile::tempdir().unwrap();
    let side = |runs: &[Made]| read(&runs.iter().map(|run| run.write(directory.path())).collect::<Vec<_>>()).unwrap();
    let (baseline, candidate) = (side(baseline), side(candidate));
    let comparison = compare(&baseline, &candidate, is_forced)?;
    let page = page(&comparison, &baseline, &candidate).unwrap();
    Ok((comparison, page))
}

fn outcomes(comparison: &Comparison) -> Vec<(&str, ChangeOutcome)> {
    comparison.metrics.iter().map(|metric| (metric.metric.as_str(), metric.outcome)).collect()
}

#[test]
fn runs_of_the_same_thing_differ_in_nothing() {
    let (comparison, page) = compared(&[Made::new(1)], &[Made::new(2)], false).unwrap();
    assert!(outcomes(&comparison).iter().all(|(_, outcome)| *outcome == ChangeOutcome::Inconclusive), "{comparison:?}");
    let metrics: Vec<&str> = comparison.metrics.iter().map(|metric| metric.metric.as_str()).collect();
    assert_eq!(metrics, ["purchases_per_second", "operations_per_second", "shed_share", "purchase.response.p50", "purchase.response.p99"]);
    assert!(page.contains("0 metrics regressed, 0 improved, 5 inconclusive") && page.matches("<svg").count() == 3, "{page}");
    let text = render(&comparison, Screen::plain(100));
    assert!(text.contains("purchase.response.p99") && text.contains("With fewer than 3 runs on a side"), "{text}");
}

#[test]
fn twenty_milliseconds_are_a_regression_that_a_gate_stops() {
    let slow = Made { milliseconds: 25, ..Made::new(2) };
    let (comparison, _) = compared(&[Made::new(1)], &[slow], false).unwrap();
    let p50 = comparison.metrics.iter().find(|metric| metric.metric == "purchase.response.p50").unwrap();
    assert_eq!(p50.outcome, ChangeOutcome::Regressed);
    assert!(p50.low > 3.0 && p50.regressed_by(0.05) && !p50.regressed_by(5.0), "{p50:?}");
    let markdown = markdown(&comparison);
    assert!(markdown.contains("| purchase.response.p50 |") && markdown.contains("| regressed |"), "{markdown}");
}

#[test]
fn a_small_change_counts_only_when_the_spread_of_runs_is_known() {
    let slower = |number| {
        let mut made = Made::new(number);
        made.result.series.iter_mut().for_each(|second| second.sold -= 9);
        made
    };
    let outcome = |baseline: &[Made], candidate: &[Made]| compared(baseline, candidate, false).unwrap().0.metrics[0].outcome;
    assert_eq!(outcome(&[Made::new(1)], &[slower(2)]), ChangeOutcome::Inconclusive);
    let several = |numbers: std::ops::Range<u64>, make: &dyn Fn(u64) -> Made| numbers.map(make).collect::<Vec<_>>();
    assert_eq!(outcome(&several(1..4, &Made::new), &several(4..7, &slower)), ChangeOutcome::Regressed);
    assert_eq!(outcome(&several(1..4, &slower), &several(4..7, &Made::new)), ChangeOutcome::Improved);
}

#[test]
fn strategies_and_builds_of_etcd_may_differ_and_are_named() {
    let mut other = Made::new(2);
    other.result.strategy = "lock".to_owned();
    other.result.etcd.version = "3.5.16".to_owned();
    other.scenario = "[load]\nbuyers = 10\nstrategy.lock = { ttl = \"4s\" }\n";
    let (comparison, _) = compared(&[Made::new(1)], &[other], false).unwrap();
    let keys: Vec<&str> = comparison.differences.iter().map(|difference| difference.key.as_str()).collect();
    assert_eq!(keys, ["strategy", "version"]);
    assert!(render(&comparison, Screen::plain(100)).contains("strategy: optimistic → lock"));
}

#[test]
fn what_is_not_comparable_is_refused_with_every_reason() {
    let mut other = Made::new(2);
    other.scenario = "[load]\nbuyers = 20\n";
    other.result.host.processors = 64;
    other.result.verdict = RunVerdict::Invalid;
    other.result.interrupted = true;
    let host = HostResources { processors: 2.0, busy_percent: 90.0, own_cpu_percent: 20.0, own_resident_mib: 0.0 };
    other.result.resources = ResourcesResult { host: Some(host), ..ResourcesResult::default() };
    let obstacles = compared(&[Made::new(1), Made::new(1)], &[other], false).unwrap_err();
    let texts: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
    for (part, text) in ["load.buyers: 10 → 20", "machine, processors: 0 → 64", "invalid", "interrupted", "other programs took 80%"]
        .into_iter()
        .map(|part| (part, texts.join("\n")))
    {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::Repeated { .. })), "{obstacles:?}");
    let mut other = Made::new(2);
    other.result.tool_version = "9.9.9".to_owned();
    let (comparison, page) = compared(&[Made::new(1)], &[other], true).unwrap();
    assert_eq!(comparison.obstacles.len(), 1);
    assert!(page.contains("the sides differ in ticketcd, version"), "{page}");
}

#[test]
fn a_run_without_its_files_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let error = read(&[directory.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("result.json: ") && error.contains("ticketcd report "), "{error}");
    let path = Made::new(1).write(directory.path());
    fs::write(path.join("latency.hlog"), "no log\n").unwrap();
    let error = read(&[path]).unwrap_err().to_string();
    assert!(error.contains("latency.hlog does not have the shape"), "{error}");
}
