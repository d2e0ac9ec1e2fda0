//! The figures that an objective may be about.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::Purpose;

use super::units::Bound;
use crate::settings::did_you_mean;

/// Which clock a latency was taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// From when the operation was sent.
    Service,
    /// From when the operation was meant to be sent.
    Response,
}

/// A statistic of many latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P999,
    /// The longest.
    Max,
    /// The mean.
    Mean,
}

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// How long operations took.
    Latency {
        /// Which operations.
        operation: Purpose,
        /// On which clock.
        clock: Clock,
        /// Which of their latencies.
        statistic: Statistic,
    },
    /// Orders sold per second.
    PurchasesPerSecond,
    /// Operations per second, of all kinds.
    OperationsPerSecond,
    /// Operations that were due but not made, of all that were due.
    ShedShare,
    /// Orders whose outcome their buyer never learnt, of all.
    UnknownShare,
    /// Orders given up after conflicts, of all.
    ConflictShare,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Per second.
    PerSecond,
    /// A share, from 0 to 1.
    Share,
}

impl Metric {
    /// The operations that are timed, in the order they are listed.
    pub const OPERATIONS: [Purpose; 7] =
        [Purpose::Purchase, Purpose::Search, Purpose::Orders, Purpose::Revenue, Purpose::Cancel, Purpose::Board, Purpose::RangeGuard];

    const CLOCKS: [(Clock, &str); 2] = [(Clock::Response, "response"), (Clock::Service, "service")];

    const STATISTICS: [(Statistic, &str); 6] = [
        (Statistic::P50, "p50"),
        (Statistic::P90, "p90"),
        (Statistic::P99, "p99"),
        (Statistic::P999, "p99.9"),
        (Statistic::Max, "max"),
        (Statistic::Mean, "mean"),
    ];

    const OTHERS: [(Self, &str, &str); 5] = [
        (Self::PurchasesPerSecond, "purchases_per_second", "Orders sold per second."),
        (
            Self::OperationsPerSecond,
            "operations_per_second",
            "Operations per second, of all kinds and with any outcome; of the whole load only.",
        ),
        (
            Self::ShedShare,
            "shed_share",
            "Operations that were due but not made because every buyer was busy, of all that were due; of the whole load only.",
        ),
        (Self::UnknownShare, "unknown_share", "Orders whose outcome their buyer never learnt, of all orders; of the whole load only."),
        (
            Self::ConflictShare,
            "conflict_share",
            "Orders given up after conflicts with other buyers, of all orders; of the whole load only.",
        ),
    ];

    /// Every metric with its name.
    pub fn all() -> impl Iterator<Item = (Self, String)> {
        let latencies = Self::OPERATIONS.into_iter().flat_map(|operation| {
            Self::CLOCKS.into_iter().flat_map(move |(clock, _)| {
                Self::STATISTICS.into_iter().map(move |(statistic, _)| Self::Latency { operation, clock, statistic })
            })
        });
        let others = Self::OTHERS.into_iter().map(|(metric, ..)| metric);
        others.chain(latencies).map(|metric| (metric, metric.to_string()))
    }

    /// The descriptions of metrics: a line for each, those of latencies by their pattern.
    pub fn descriptions() -> Vec<(String, String)> {
        let mut lines: Vec<(String, String)> =
            Self::OTHERS.into_iter().map(|(_, name, sentence)| (name.to_owned(), sentence.to_owned())).collect();
        let statistics = Self::STATISTICS.map(|(_, name)| name).join("|");
        for operation in Self::OPERATIONS {
            let name = operation_name(operation);
            lines.push((format!("{name}.response.{statistics}"), format!("How long {} took, from when it was due.", described(operation))));
            lines.push((format!("{name}.service.{statistics}"), format!("How long {} took, from when it was sent.", described(operation))));
        }
        lines
    }

    /// Its unit.
    pub fn unit(self) -> Unit {
        match self {
            Self::Latency { .. } => Unit::Milliseconds,
            Self::PurchasesPerSecond | Self::OperationsPerSecond => Unit::PerSecond,
            Self::ShedShare | Self::UnknownShare | Self::ConflictShare => Unit::Share,
        }
    }

    /// Whether it exists for parts of the load too, rather than for the whole only.
    pub fn has_parts(self) -> bool {
        matches!(self, Self::Latency { .. } | Self::PurchasesPerSecond)
    }
}

impl Unit {
    /// The bound as a number in this unit; nothing when it is of another kind.
    pub fn of(self, bound: Bound) -> Option<f64> {
        match (self, bound) {
            (Self::Milliseconds, Bound::Time(span)) => Some(span.0.as_secs_f64() * 1e3),
            (Self::PerSecond, Bound::Number(number)) | (Self::Share, Bound::Number(number) | Bound::Share(number)) => Some(number),
            _ => None,
        }
    }
}

/// The text names no metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no metric: `ticketcd scenario metrics` lists them{}", did_you_mean(nearest.as_deref()))]
pub struct UnknownMetric {
    /// The text.
    pub text: String,
    /// The metric whose name is most like it.
    pub nearest: Option<String>,
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        if let Some((metric, _)) = Self::all().find(|(_, name)| name == text) {
            return Ok(metric);
        }
        let names: Vec<String> = Self::all().map(|(_, name)| name).collect();
        let nearest = super::nearest(text, names.iter().map(String::as_str)).map(str::to_owned);
        Err(UnknownMetric { text: text.to_owned(), nearest })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { operation, clock, statistic } => {
                let clock = Self::CLOCKS.iter().find(|(candidate, _)| candidate == clock).map_or("", |(_, name)| name);
                let statistic = Self::STATISTICS.iter().find(|(candidate, _)| candidate == statistic).map_or("", |(_, name)| name);
                write!(formatter, "{}.{clock}.{statistic}", operation_name(*operation))
            }
            other => formatter.write_str(Self::OTHERS.iter().find(|(candidate, ..)| candidate == other).map_or("", |(_, name, _)| name)),
        }
    }
}

/// The name of a kind of operation, as in results.
pub fn operation_name(operation: Purpose) -> String {
    serde_json::to_value(operation).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn described(operation: Purpose) -> &'static str {
    match operation {
        Purpose::Purchase => "a purchase",
        Purpose::Search => "a search for events",
        Purpose::Orders => "a query of one's own orders",
        Purpose::Revenue => "a revenue query",
        Purpose::Cancel => "a cancellation",
        Purpose::Board => "opening a stock board",
        Purpose::RangeGuard => "a transaction guarded by a range",
        _ => "it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_read_by_its_name() {
        let mut count = 0;
        for (metric, name) in Metric::all() {
            assert_eq!(name.parse::<Metric>(), Ok(metric), "{name}");
            count += 1;
        }
        assert_eq!(count, 7 * 2 * 6 + 5);
        let p999 = Metric::Latency { operation: Purpose::Purchase, clock: Clock::Response, statistic: Statistic::P999 };
        assert_eq!("purchase.response.p99.9".parse(), Ok(p999));
    }

    #[test]
    fn any_other_is_refused_with_a_hint() {
        let error = |text: &str| text.parse::<Metric>().unwrap_err().to_string();
        assert!(error("purchase.response.p95").contains("did you mean `purchase.response.p9"));
        assert!(error("purchases_per_sec").contains("did you mean `purchases_per_second`?"));
        assert!(error("").contains("scenario metrics"));
    }

    #[test]
    fn a_bound_of_another_kind_is_none() {
        assert_eq!(Unit::Milliseconds.of("1.5s".parse().unwrap()), Some(1500.0));
        assert_eq!(Unit::Milliseconds.of("250".parse().unwrap()), None);
        assert_eq!(Unit::PerSecond.of("5%".parse().unwrap()), None);
        assert_eq!(Unit::Share.of("5%".parse().unwrap()), Some(0.05));
        assert_eq!(Unit::Share.of("0.05".parse().unwrap()), Some(0.05));
    }
}
