//! The figures that are compared, as series of short intervals that can be drawn again.

use super::side::{Latencies, Run, Side};
use crate::report::series::SecondResult;
use crate::scenario::metric::{Clock, Metric, Statistic, Unit};

/// Intervals of one run, at most: a long run is compared in longer intervals.
const INTERVALS_MAX: usize = 120;

/// One figure of both sides.
#[derive(Debug)]
pub(super) struct Measure {
    /// Its name, as in objectives.
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) more_is_better: bool,
    /// The intervals of each run.
    pub(super) baseline: Vec<Intervals>,
    pub(super) candidate: Vec<Intervals>,
}

/// What a figure of one run is computed from, interval by interval.
#[derive(Clone, Debug)]
pub(super) enum Intervals {
    /// A quotient of sums: the figure is the sum of the first numbers by the sum of the second ones.
    Quotient(Vec<(f64, f64)>),
    /// A quantile of all latencies together, microseconds with how often each was measured.
    Latency {
        /// Which quantile, from 0 to 1.
        quantile: f64,
        /// By interval.
        intervals: Vec<Latencies>,
    },
}

impl Intervals {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Quotient(intervals) => intervals.is_empty(),
            Self::Latency { intervals, .. } => intervals.is_empty(),
        }
    }

    /// The latencies of each interval, if that is what it is about.
    pub(super) fn latencies(&self) -> &[Latencies] {
        match self {
            Self::Quotient(_) => &[],
            Self::Latency { intervals, .. } => intervals,
        }
    }

    /// The quantile, if it is about one.
    pub(super) fn quantile(&self) -> Option<f64> {
        match self {
            Self::Quotient(_) => None,
            Self::Latency { quantile, .. } => Some(*quantile),
        }
    }
}

/// The quantiles of latency that are compared. The 99.9th percentile needs more operations than most runs have.
const QUANTILES: [(Statistic, f64); 2] = [(Statistic::P50, 0.5), (Statistic::P99, 0.99)];

/// The figures that both sides have.
pub(super) fn measures(baseline: &Side, candidate: &Side) -> Vec<Measure> {
    let rate = |metric: Metric, count: fn(&SecondResult) -> u64| {
        let of = |side: &Side| -> Vec<Intervals> { side.runs.iter().map(|run| Intervals::Quotient(rates(run, count))).collect() };
        Measure { name: metric.to_string(), unit: metric.unit(), more_is_better: true, baseline: of(baseline), candidate: of(candidate) }
    };
    let mut measures = vec![
        rate(Metric::PurchasesPerSecond, |second| second.sold),
        rate(Metric::OperationsPerSecond, |second| second.achieved),
        shed(baseline, candidate),
    ];
    for operation in Metric::OPERATIONS {
        for (statistic, quantile) in QUANTILES {
            let metric = Metric::Latency { operation, clock: Clock::Response, statistic };
            let name = metric.to_string();
            let tag = name.rsplit_once('.').map_or("", |(tag, _)| tag);
            let of = |side: &Side| side.runs.iter().map(|run| latencies(run, tag, quantile)).collect::<Option<Vec<_>>>();
            if let (Some(baseline), Some(candidate)) = (of(baseline), of(candidate)) {
                measures.push(Measure { unit: metric.unit(), more_is_better: false, baseline, candidate, name });
            }
        }
    }
    measures.retain(|measure| measure.baseline.iter().chain(&measure.candidate).all(|run| !run.is_empty()));
    measures
}

/// Counts with the seconds in which they were counted.
fn rates(run: &Run, count: fn(&SecondResult) -> u64) -> Vec<(f64, f64)> {
    let seconds = run.result.load.seconds;
    let lengths = run.result.series.iter().map(|second| (seconds - second.second as f64).clamp(0.0, 1.0));
    let counted: Vec<_> = run.result.series.iter().zip(lengths).map(|(second, length)| (count(second) as f64, length)).collect();
    merged(&counted, |merged, (count, length)| {
        merged.0 += count;
        merged.1 += length;
    })
}

/// Operations that were not made because every buyer was busy, of all that were due.
fn shed(baseline: &Side, candidate: &Side) -> Measure {
    let of = |run: &Run| {
        let seconds: Vec<_> = run.result.series.iter().map(|second| (second.shed as f64, second.offered as f64)).collect();
        Intervals::Quotient(merged(&seconds, |merged, (shed, offered)| {
            merged.0 += shed;
            merged.1 += offered;
        }))
    };
    Measure {
        name: Metric::ShedShare.to_string(),
        unit: Metric::ShedShare.unit(),
        more_is_better: false,
        baseline: baseline.runs.iter().map(of).collect(),
        candidate: candidate.runs.iter().map(of).collect(),
    }
}

/// The latencies of an operation in each interval. `None` when there are none.
fn latencies(run: &Run, tag: &str, quantile: f64) -> Option<Intervals> {
    let seconds: Vec<Latencies> = run.latency.get(tag)?.values().cloned().collect();
    // Counts of the same latency need not be added up: they are drawn together.
    let intervals = merged(&seconds, |merged: &mut Latencies, second| merged.extend(second));
    Some(Intervals::Latency { quantile, intervals })
}

/// The same in at most [`INTERVALS_MAX`] intervals, each of several that follow one another.
fn merged<Interval: Default + Clone>(seconds: &[Interval], add: impl Fn(&mut Interval, Interval)) -> Vec<Interval> {
    let together = seconds.len().div_ceil(INTERVALS_MAX).max(1);
    let merge = |seconds: &[Interval]| {
        seconds.iter().cloned().fold(Interval::default(), |mut merged, second| {
            add(&mut merged, second);
            merged
        })
    };
    seconds.chunks(together).map(merge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_merged_without_losing_any_count() {
        let seconds: Vec<(f64, f64)> = (0..1_000).map(|second| (f64::from(second), 1.0)).collect();
        let merged = merged(&seconds, |merged, (count, length)| {
            merged.0 += count;
            merged.1 += length;
        });
        assert!(merged.len() <= INTERVALS_MAX);
        assert_eq!(merged.iter().map(|(count, _)| count).sum::<f64>(), 499_500.0);
    }
}
