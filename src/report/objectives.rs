//! Whether a run met the objectives of its scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::Purpose;

use super::latency::LatencyLine;
use super::numbers::rate;
use super::statistics::{LoadResult, Statistics};
use crate::scenario::metric::{Metric, Statistic, Unit, UnknownMetric};
use crate::scenario::types::Objective;

/// An objective, with what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectiveResult {
    /// Which figure.
    pub metric: String,
    /// Of which part of the run.
    pub phase: String,
    /// It had to be less than this, as in the scenario.
    pub below: Option<String>,
    /// It had to be more than this, as in the scenario.
    pub above: Option<String>,
    /// What it was; none when it could not be measured.
    pub measured: Option<f64>,
    /// What that is counted in.
    pub unit: Unit,
    /// What follows.
    pub outcome: ObjectiveOutcome,
    /// The objective, and what was measured or why nothing was, in a sentence.
    pub sentence: String,
}

/// The outcome of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectiveOutcome {
    /// It was met.
    Met,
    /// It was not.
    Missed,
    /// It could not be measured.
    Unknown,
}

/// Compares every objective to what was measured.
pub fn judge(objectives: &[Objective], statistics: &Statistics, latency: &[LatencyLine]) -> Vec<ObjectiveResult> {
    objectives.iter().map(|objective| judge_one(objective, statistics, latency)).collect()
}

fn judge_one(objective: &Objective, statistics: &Statistics, latency: &[LatencyLine]) -> ObjectiveResult {
    let metric = objective.metric.parse::<Metric>().map_err(NotMeasured::from);
    let unit = metric.as_ref().map_or(Unit::Share, |metric| metric.unit());
    let measured = metric.and_then(|metric| measure(metric, &objective.phase, statistics, latency));
    let (bound, side) = match (objective.below, objective.above) {
        (Some(below), _) => (Some(below), "below"),
        (None, above) => (above, "above"),
    };
    let wanted = bound.map(|bound| format!("{side} {bound}")).unwrap_or_default();
    let name = match objective.phase.as_str() {
        "steady" => objective.metric.clone(),
        phase => format!("{} {phase}", objective.metric),
    };
    // Validation guarantees a bound of the right kind.
    let limit = bound.and_then(|bound| unit.of(bound)).ok_or(NotMeasured::Bound);
    let (outcome, sentence) = match (&measured, limit) {
        (Ok(value), Ok(limit)) => {
            let met = if objective.below.is_some() { *value < limit } else { *value > limit };
            let outcome = if met { ObjectiveOutcome::Met } else { ObjectiveOutcome::Missed };
            (outcome, format!("{name} was {}; required: {wanted}", in_words(*value, unit)))
        }
        (Err(reason), _) => (ObjectiveOutcome::Unknown, format!("{name} (required: {wanted}) was not measured: {reason}")),
        (_, Err(reason)) => (ObjectiveOutcome::Unknown, format!("{name} was not measured: {reason}")),
    };
    ObjectiveResult {
        metric: objective.metric.clone(),
        phase: objective.phase.clone(),
        below: objective.below.map(|bound| bound.to_string()),
        above: objective.above.map(|bound| bound.to_string()),
        measured: measured.ok(),
        unit,
        outcome,
        sentence,
    }
}

/// Why a metric has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum NotMeasured {
    #[error(transparent)]
    Metric(#[from] UnknownMetric),
    #[error("the objective has no bound")]
    Bound,
    #[error("the load did not begin")]
    NoLoad,
    #[error("the run has no phase `{0}`")]
    NoPhase(String),
    #[error("no such operation completed in that phase")]
    NoOperation,
    #[error("the load has no duration")]
    NoTime,
    #[error("no operation was due")]
    NothingDue,
    #[error("no order was placed")]
    NoOrder,
}

/// The value of a metric. Without operations there is none, rather than a good one.
fn measure(metric: Metric, phase: &str, statistics: &Statistics, latency: &[LatencyLine]) -> Result<f64, NotMeasured> {
    let windows = statistics.timeline.windows();
    let window = windows.iter().find(|window| window.name == phase).ok_or_else(|| match phase {
        "steady" => NotMeasured::NoLoad,
        _ => NotMeasured::NoPhase(phase.to_owned()),
    })?;
    let load = statistics.load();
    let share = |part: u64, all: u64, nothing| if all > 0 { Ok(part as f64 / all as f64) } else { Err(nothing) };
    match metric {
        Metric::Latency { operation, clock, statistic } => {
            let line = latency.iter().find(|line| line.operation == operation && line.phase == phase && line.clock == clock);
            let line = line.ok_or(NotMeasured::NoOperation)?;
            Ok(match statistic {
                Statistic::P50 => line.p50_ms,
                Statistic::P90 => line.p90_ms,
                Statistic::P99 => line.p99_ms,
                Statistic::P999 => line.p999_ms,
                Statistic::Max => line.max_ms,
                Statistic::Mean => line.mean_ms,
            })
        }
        Metric::PurchasesPerSecond | Metric::OperationsPerSecond if window.until <= window.from => Err(NotMeasured::NoTime),
        Metric::PurchasesPerSecond => {
            let within = |due| (window.from..window.until).contains(&due);
            let sold = statistics.samples.iter().filter(|sample| sample.sold && sample.purpose == Purpose::Purchase && within(sample.due));
            Ok(sold.count() as f64 / ((window.until - window.from) as f64 / 1e9))
        }
        Metric::OperationsPerSecond => Ok(load.operations_per_second),
        Metric::ShedShare => share(load.shed, load.offered, NotMeasured::NothingDue),
        Metric::UnknownShare => share(load.unknown, orders(&load), NotMeasured::NoOrder),
        Metric::ConflictShare => share(load.conflict, orders(&load), NotMeasured::NoOrder),
    }
}

fn orders(load: &LoadResult) -> u64 {
    load.sold + load.sold_out + load.conflict + load.rejected + load.unknown
}

fn in_words(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Milliseconds => format!("{value:.1} ms"),
        Unit::PerSecond => rate(value),
        Unit::Share => format!("{:.2}%", value * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::OrderKey;
    use ticketcd_judge::history::annotation::{OrderClosed, OrderOutcome, OrderPlaced};
    use ticketcd_judge::history::event::{Ended, Event, FaultEvent, FaultStage, Phase, PhaseBegan};

    use super::super::latency;
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Ten seconds of load, an order each: sold after 100 ms, the last two lost to conflicts. A fault from 4 s to 6 s.
    fn statistics() -> Statistics {
        let mut events = vec![Event::Phase(PhaseBegan { at: 0, phase: Phase::Steady })];
        for number in 0..10 {
            let order = OrderKey { buyer: number, sequence: 1 };
            let due = u64::from(number) * SECOND;
            let placed = OrderPlaced { order, user: "u".into(), event: "e".into(), items: Vec::new(), due, sent: due };
            let outcome = if number < 8 { OrderOutcome::Sold { revision: 1 } } else { OrderOutcome::Conflict };
            let closed = OrderClosed { order, done: due + SECOND / 10, outcome, paid_cents: 0, attempts: 1 };
            events.extend([Event::OrderPlaced(placed), Event::OrderClosed(closed)]);
        }
        let fault = |at, stage| Event::Fault(FaultEvent { fault: 0, at, stage });
        events.push(fault(4 * SECOND, FaultStage::Injected { members: Vec::new(), actions: Vec::new(), leader: None }));
        events.push(fault(6 * SECOND, FaultStage::Healed { actions: Vec::new(), recovered_after: 0 }));
        events.push(Event::Phase(PhaseBegan { at: 10 * SECOND, phase: Phase::Drain }));
        events.push(Event::Ended(Ended { at: 11 * SECOND, interrupted: false }));
        let mut statistics = Statistics::default();
        events.iter().for_each(|event| statistics.observe(event));
        statistics
    }

    fn judged(metric: &str, phase: &str, below: Option<&str>, above: Option<&str>) -> ObjectiveResult {
        let statistics = statistics();
        let bound = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let objective = Objective { metric: metric.to_owned(), phase: phase.to_owned(), below: bound(below), above: bound(above) };
        let latency = latency::lines(&statistics.samples, &statistics.timeline.windows());
        judge(&[objective], &statistics, &latency).remove(0)
    }

    #[test]
    fn a_figure_is_compared_with_its_bound() {
        use ObjectiveOutcome::{Met, Missed};
        for (metric, phase, below, above, outcome, words) in [
            ("purchase.response.p99", "steady", Some("101ms"), None, Met, "100.0 ms; required: below 101ms"),
            ("purchase.service.max", "steady", Some("99ms"), None, Missed, "100.0 ms; required: below 99ms"),
            ("purchase.response.mean", "after fault 1", Some("1s"), None, Met, "purchase.response.mean after fault 1 was 100.0 ms"),
            ("purchases_per_second", "steady", None, Some("0.7"), Met, "was 0.8/s; required: above 0.7"),
            ("purchases_per_second", "steady", None, Some("0.8"), Missed, "was 0.8/s; required: above 0.8"),
            ("purchases_per_second", "after fault 1", None, Some("0.6"), Missed, "was 0.5/s; required"),
            ("operations_per_second", "steady", None, Some("0.9"), Met, "was 1.0/s"),
            ("conflict_share", "steady", Some("10%"), None, Missed, "was 20.00%; required: below 10%"),
            ("unknown_share", "steady", Some("0.1"), None, Met, "was 0.00%"),
        ] {
            let result = judged(metric, phase, below, above);
            assert_eq!(result.outcome, outcome, "{result:?}");
            assert!(result.sentence.contains(words), "{words:?} is not in {:?}", result.sentence);
            assert!(result.measured.is_some());
        }
    }

    #[test]
    fn an_unmeasured_objective_is_unknown_and_never_met() {
        for (metric, phase, words) in [
            ("search.response.p50", "steady", "no such operation completed"),
            ("purchase.response.p50", "during fault 2", "no phase `during fault 2`"),
            ("shed_share", "steady", "no operation was due"),
        ] {
            let result = judged(metric, phase, Some(if metric.ends_with("share") { "5%" } else { "1h" }), None);
            assert_eq!((result.outcome, result.measured), (ObjectiveOutcome::Unknown, None), "{result:?}");
            assert!(result.sentence.contains(words), "{}", result.sentence);
        }
    }
}
