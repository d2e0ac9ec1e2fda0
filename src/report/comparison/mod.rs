//! Two sets of runs, side by side: what changed from the baseline to the candidate, how sure that is, and whether they may be
//! compared at all.
//!
//! Everything is read from `result.json`, `latency.hlog` and `scenario.toml` of the run directories: nothing is judged again.

mod bootstrap;
mod comparable;
mod measures;
mod page;
mod side;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::metric::Unit;

pub use comparable::{Difference, Obstacle, Subject};
pub use page::page;
pub use side::{ComparedRun, Side, SideError, read};
pub use text::{markdown, render};

/// Version of the shape of a comparison as JSON. It grows when a field changes its meaning or goes; new fields may come any time.
pub const SCHEMA_VERSION: u32 = 1;

/// How sure all intervals of one comparison are together: with many figures, each one's interval is wider.
const CONFIDENCE: f64 = 0.95;

/// Runs on a side from which on their spread is known well enough for it to be part of the interval.
const REPETITIONS_MIN: usize = 3;

/// Single runs of one plan differ by more than the seconds of each do: by as much as this, on a machine that does nothing else.
/// With fewer than [`REPETITIONS_MIN`] runs on a side, a smaller change is no result.
const SPREAD_OF_RUNS: f64 = 0.2;

/// What two sets of runs have to say about each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The runs that are compared with.
    pub baseline: Vec<ComparedRun>,
    /// The runs that are compared.
    pub candidate: Vec<ComparedRun>,
    /// What was varied: strategy or build of etcd.
    pub differences: Vec<Difference>,
    /// Why the two sides are not comparable, if they were compared nevertheless.
    pub obstacles: Vec<Obstacle>,
    /// The probability with which all intervals contain the true change.
    pub confidence: f64,
    /// Changes that are smaller than this share are inconclusive, whatever the interval.
    pub smallest_change: f64,
    /// The figures.
    pub metrics: Vec<MetricChange>,
}

/// One figure on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricChange {
    /// `purchases_per_second`, `purchase.response.p99`, … as in objectives.
    pub metric: String,
    /// Its unit.
    pub unit: Unit,
    /// Whether a larger figure is the better one.
    pub more_is_better: bool,
    /// The figure of the baseline, over all its runs.
    pub baseline: f64,
    /// The figure of the candidate, over all its runs.
    pub candidate: f64,
    /// The change from baseline to candidate as a share of the baseline; for shares the difference.
    pub change: f64,
    /// The lower end of the change's confidence interval.
    pub low: f64,
    /// The upper end of it.
    pub high: f64,
    /// What follows.
    pub outcome: ChangeOutcome,
}

/// What follows from a change and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// The candidate is better.
    Improved,
    /// The candidate is worse.
    Regressed,
    /// The data shows neither.
    Inconclusive,
}

impl MetricChange {
    /// Whether the figure certainly became worse by more than this share.
    pub fn regressed_by(&self, threshold: f64) -> bool {
        self.outcome == ChangeOutcome::Regressed && self.least_change().abs() > threshold
    }

    /// The end of the interval that is nearer to no change; 0 when the interval contains it.
    fn least_change(&self) -> f64 {
        match (self.low > 0.0, self.high < 0.0) {
            (true, _) => self.low,
            (_, true) => self.high,
            _ => 0.0,
        }
    }

    /// Decides the outcome.
    fn decide(&mut self, smallest_change: f64) {
        let certain = self.least_change();
        self.outcome = if certain == 0.0 || certain.abs() < smallest_change {
            ChangeOutcome::Inconclusive
        } else if (certain > 0.0) == self.more_is_better {
            ChangeOutcome::Improved
        } else {
            ChangeOutcome::Regressed
        };
    }
}

/// Compares two sides.
///
/// # Errors
/// When they are not comparable, unless that is accepted: every reason.
pub fn compare(baseline: &Side, candidate: &Side, is_forced: bool) -> Result<Comparison, Vec<Obstacle>> {
    let obstacles = comparable::obstacles(baseline, candidate);
    if !obstacles.is_empty() && !is_forced {
        return Err(obstacles);
    }
    let runs_min = baseline.runs.len().min(candidate.runs.len());
    let smallest_change = if runs_min < REPETITIONS_MIN { SPREAD_OF_RUNS } else { 0.0 };
    let measures = measures::measures(baseline, candidate);
    // Each interval may be wrong with its part of the whole error only.
    let level = 1.0 - (1.0 - CONFIDENCE) / measures.len().max(1) as f64;
    let mut metrics: Vec<MetricChange> = measures.iter().filter_map(|measure| bootstrap::change(measure, level)).collect();
    metrics.iter_mut().for_each(|metric| metric.decide(smallest_change));
    Ok(Comparison {
        schema_version: SCHEMA_VERSION,
        baseline: baseline.runs.iter().map(|run| run.described.clone()).collect(),
        candidate: candidate.runs.iter().map(|run| run.described.clone()).collect(),
        differences: comparable::differences(baseline, candidate),
        obstacles,
        confidence: CONFIDENCE,
        smallest_change,
        metrics,
    })
}

/// The JSON Schema of a comparison.
pub fn comparison_schema() -> serde_json::Value {
    schemars::schema_for!(Comparison).to_value()
}

#[cfg(test)]
mod tests;
