//! How sure a change is: a bootstrap over runs and over blocks of intervals.
//!
//! Each draw takes as many runs of a side as it has, with repetition, and of each run as many intervals as it has, in blocks of
//! intervals that follow one another (Künsch 1989: neighbouring seconds are alike, and single ones would pretend to be independent).
//! The change is computed from both sides of the draw. The interval is what lies between the outer quantiles of all draws.
//!
//! The draws come from a constant seed: the same runs always compare alike.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::measures::{Intervals, Measure};
use super::side::Latencies;
use super::{ChangeOutcome, MetricChange};
use crate::scenario::metric::Unit;

/// Draws. The outermost quantile of a comparison of ten figures is then that of the fifth draw from the end.
const DRAWS: usize = 2_000;

/// The change of a figure with its interval. `None` when a side has no such figure.
pub(super) fn change(measure: &Measure, level: f64) -> Option<MetricChange> {
    let (baseline, candidate) = (Pool::new(&measure.baseline), Pool::new(&measure.candidate));
    let change = |before: f64, after: f64| match measure.unit {
        Unit::Share => Some(after - before),
        Unit::Milliseconds | Unit::PerSecond => (before > 0.0).then(|| after / before - 1.0),
    };
    let (before, after) = (baseline.figure()?, candidate.figure()?);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut scratch = Vec::new();
    let mut changes: Vec<f64> =
        (0..DRAWS).filter_map(|_| change(baseline.draw(&mut random, &mut scratch)?, candidate.draw(&mut random, &mut scratch)?)).collect();
    changes.sort_by(f64::total_cmp);
    let quantile = |share: f64| changes.get((share * (changes.len().saturating_sub(1)) as f64).round() as usize).copied();
    let tail = (1.0 - level) / 2.0;
    let scale = if measure.unit == Unit::Milliseconds { 1e-3 } else { 1.0 };
    Some(MetricChange {
        metric: measure.name.clone(),
        unit: measure.unit,
        more_is_better: measure.more_is_better,
        baseline: before * scale,
        candidate: after * scale,
        change: change(before, after)?,
        low: quantile(tail)?,
        high: quantile(1.0 - tail)?,
        outcome: ChangeOutcome::Inconclusive,
    })
}

/// The runs of one side, ready to be drawn from.
struct Pool {
    runs: Vec<Vec<Interval>>,
    quantile: f64,
    /// All latencies of the side, ascending: an interval names them by their position in this list.
    latencies: Vec<u64>,
}

/// An interval of a run.
enum Interval {
    /// A count, and by what it is divided.
    Quotient(f64, f64),
    /// Positions of latencies with how often each was measured.
    Latency(Vec<(usize, u64)>),
}

impl Pool {
    fn new(runs: &[Intervals]) -> Self {
        let mut latencies: Vec<u64> = runs.iter().flat_map(Intervals::latencies).flatten().map(|(latency, _)| *latency).collect();
        latencies.sort_unstable();
        latencies.dedup();
        let positions = |counts: &Latencies| {
            let mut by_position: BTreeMap<usize, u64> = BTreeMap::new();
            for (latency, count) in counts {
                *by_position.entry(latencies.partition_point(|known| known < latency)).or_default() += count;
            }
            Interval::Latency(by_position.into_iter().collect())
        };
        let intervals = |run: &Intervals| match run {
            Intervals::Quotient(intervals) => intervals.iter().map(|(count, by)| Interval::Quotient(*count, *by)).collect(),
            Intervals::Latency { intervals, .. } => intervals.iter().map(positions).collect(),
        };
        let quantile = runs.iter().find_map(Intervals::quantile).unwrap_or(0.0);
        Self { runs: runs.iter().map(intervals).collect(), quantile, latencies }
    }

    /// The figure itself.
    fn figure(&self) -> Option<f64> {
        self.of(self.runs.iter().flatten(), &mut Vec::new())
    }

    /// The figure of one draw. `scratch` is memory that is used again.
    fn draw(&self, random: &mut ChaCha8Rng, scratch: &mut Vec<u64>) -> Option<f64> {
        let mut drawn = Vec::new();
        for _ in &self.runs {
            let run = self.runs.get(random.random_range(0..self.runs.len()))?;
            let mut left = run.len();
            while left > 0 {
                let block = block_length(run.len()).min(left);
                // Blocks continue at the beginning, so that every interval is drawn equally often.
                drawn.extend(run.iter().cycle().skip(random.random_range(0..run.len())).take(block));
                left -= block;
            }
        }
        self.of(drawn.into_iter(), scratch)
    }

    /// The figure of these intervals.
    fn of<'pool>(&self, intervals: impl Iterator<Item = &'pool Interval>, counts: &mut Vec<u64>) -> Option<f64> {
        counts.clear();
        counts.resize(self.latencies.len(), 0);
        let (mut sum, mut divisor, mut all) = (0.0, 0.0, 0);
        for interval in intervals {
            match interval {
                Interval::Quotient(count, by) => {
                    sum += count;
                    divisor += by;
                }
                Interval::Latency(latencies) => {
                    for (position, count) in latencies {
                        *counts.get_mut(*position)? += count;
                        all += count;
                    }
                }
            }
        }
        if all == 0 {
            return (divisor > 0.0).then(|| sum / divisor);
        }
        let rank = ((self.quantile * all as f64).ceil() as u64).max(1);
        let mut passed = 0;
        let reached = counts.iter().position(|count| {
            passed += count;
            passed >= rank
        });
        self.latencies.get(reached?).map(|microseconds| *microseconds as f64)
    }
}

/// Intervals of a block: neighbours are alike, but several blocks are needed for the spread to show.
fn block_length(intervals: usize) -> usize {
    (intervals as f64).cbrt().ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A figure of one run on each side.
    fn measure(unit: Unit, baseline: Intervals, candidate: Intervals) -> Measure {
        let more_is_better = unit == Unit::PerSecond;
        Measure { name: "figure".to_owned(), unit, more_is_better, baseline: vec![baseline], candidate: vec![candidate] }
    }

    /// So many seconds with a count of about this.
    fn rates(count: f64) -> Intervals {
        Intervals::Quotient((0..20).map(|second| (count + f64::from(second % 3), 1.0)).collect())
    }

    fn latencies(microseconds: u64) -> Intervals {
        let intervals = (0..20).map(|second| vec![(microseconds + second % 4, 50), (10 * microseconds, 1)]).collect();
        Intervals::Latency { quantile: 0.5, intervals }
    }

    #[test]
    fn a_change_lies_within_its_interval() {
        let change = change(&measure(Unit::PerSecond, rates(100.0), rates(50.0)), 0.95).unwrap();
        assert!((change.change + 0.5).abs() < 0.01, "{change:?}");
        assert!(change.low <= change.change && change.change <= change.high && change.high < -0.4, "{change:?}");
    }

    #[test]
    fn the_same_runs_do_not_differ() {
        for measure in
            [measure(Unit::PerSecond, rates(100.0), rates(100.0)), measure(Unit::Milliseconds, latencies(2_000), latencies(2_000))]
        {
            let change = change(&measure, 0.95).unwrap();
            assert!(change.change == 0.0 && change.low <= 0.0 && change.high >= 0.0, "{change:?}");
        }
    }

    #[test]
    fn quantiles_are_of_all_latencies_together_in_milliseconds() {
        let change = change(&measure(Unit::Milliseconds, latencies(2_000), latencies(22_000)), 0.95).unwrap();
        assert!((change.baseline - 2.0).abs() < 0.01 && (change.candidate - 22.0).abs() < 0.01, "{change:?}");
        assert!(change.low > 9.0, "{change:?}");
    }

    #[test]
    fn without_a_baseline_there_is_no_change() {
        assert!(change(&measure(Unit::PerSecond, rates(0.0), Intervals::Quotient(Vec::new())), 0.95).is_none());
        let shares = |share| Intervals::Quotient(vec![(share, 1.0); 5]);
        let change = change(&measure(Unit::Share, shares(0.0), shares(0.25)), 0.95).unwrap();
        assert_eq!((change.change, change.low, change.high), (0.25, 0.25, 0.25));
    }
}
