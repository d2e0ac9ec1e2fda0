//! A comparison as a page: the changes, and the curves of both sides over each other.

use askama::Template;

use super::side::{Run, Side};
use super::text::{cells, described, headline, method, warnings};
use super::{ChangeOutcome, Comparison};
use crate::report::html::{Chart, Line, STYLE, verdict_class};
use crate::report::series::SecondResult;
use crate::report::summary::verdict_word;

#[derive(Template)]
#[template(path = "comparison.html")]
struct Page<'comparison> {
    style: &'static str,
    headline: String,
    class: &'static str,
    scenario: &'comparison str,
    differences: Vec<String>,
    warnings: Vec<String>,
    rows: Vec<Row>,
    method: String,
    throughput: String,
    median: String,
    tail: String,
    runs: Vec<RunRow<'comparison>>,
    version: &'static str,
}

struct Row {
    class: &'static str,
    metric: String,
    baseline: String,
    candidate: String,
    change: String,
    interval: String,
    outcome: String,
}

struct RunRow<'comparison> {
    side: &'static str,
    class: &'static str,
    directory: &'comparison str,
    strategy: &'comparison str,
    etcd_version: &'comparison str,
    seed: u64,
    verdict: &'static str,
}

/// The page of a comparison of these sides.
///
/// # Errors
/// When the template cannot be filled in.
pub fn page(comparison: &Comparison, baseline: &Side, candidate: &Side) -> askama::Result<String> {
    let outcomes = || comparison.metrics.iter().map(|metric| metric.outcome);
    let class = if outcomes().any(|outcome| outcome == ChangeOutcome::Regressed) {
        "violation"
    } else if outcomes().any(|outcome| outcome == ChangeOutcome::Improved) {
        "pass"
    } else {
        "unknown"
    };
    let chart = |id, title, unit, value: fn(&SecondResult) -> Option<f64>| {
        let line = |name, class, side: &Side| Line { name, class, values: mean(&side.runs, value) };
        Chart::new(id, title, unit, &[line("baseline", "one", baseline), line("candidate", "two", candidate)], &[]).render()
    };
    let sides = [("baseline", &comparison.baseline), ("candidate", &comparison.candidate)];
    let runs = sides.into_iter().flat_map(|(side, runs)| {
        runs.iter().map(move |run| RunRow {
            side,
            class: verdict_class(run.verdict),
            directory: &run.directory,
            strategy: &run.strategy,
            etcd_version: &run.etcd_version,
            seed: run.seed,
            verdict: verdict_word(run.verdict),
        })
    });
    let page = Page {
        style: STYLE,
        headline: headline(comparison),
        class,
        scenario: comparison.baseline.first().map_or("", |run| &run.scenario),
        differences: comparison.differences.iter().map(|difference| format!("Varied: {}", described(difference))).collect(),
        warnings: warnings(comparison),
        rows: comparison
            .metrics
            .iter()
            .map(|metric| {
                let [name, baseline, candidate, change, interval, outcome] = cells(metric);
                let class = match metric.outcome {
                    ChangeOutcome::Improved => "pass",
                    ChangeOutcome::Regressed => "violation",
                    ChangeOutcome::Inconclusive => "unknown",
                };
                Row { class, metric: name, baseline, candidate, change, interval, outcome }
            })
            .collect(),
        method: method(comparison),
        throughput: chart("throughput", "Orders sold a second", "", |second| Some(second.sold as f64))?,
        median: chart("median", "Response time of all operations, median of each second", " ms", |second| second.response_p50_ms)?,
        tail: chart("tail", "Response time of all operations, 99th percentile of each second", " ms", |second| second.response_p99_ms)?,
        runs: runs.collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render()
}

/// The mean over the runs of a side, second by second: of those runs that have a value there.
fn mean(runs: &[Run], value: fn(&SecondResult) -> Option<f64>) -> Vec<Option<f64>> {
    let seconds = runs.iter().map(|run| run.result.series.len()).max().unwrap_or(0);
    let at = |second: usize| {
        let values: Vec<f64> = runs.iter().filter_map(|run| run.result.series.get(second).and_then(value)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    (0..seconds).map(at).collect()
}
