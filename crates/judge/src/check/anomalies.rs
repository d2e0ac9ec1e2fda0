//! Collecting what is wrong without keeping it all: of each kind its count, the first, the worst and the last.
//!
//! Purpose: a broken cluster can break a promise a million times, and a report needs four facts about it, not a million.

use std::collections::BTreeMap;

use super::verdict::{Anomaly, AnomalyGroup, Finding, Verdict};
use crate::model::Nanos;

/// Anomalies by kind, in memory bounded by the number of kinds.
#[derive(Debug, Default)]
pub struct Anomalies {
    groups: BTreeMap<&'static str, Group>,
}

#[derive(Debug)]
struct Group {
    count: u64,
    first: (Nanos, Anomaly),
    worst: (Nanos, Anomaly),
    last: (Nanos, Anomaly),
}

impl Anomalies {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one that happened `at` this moment. Fills in its seconds when it has none.
    ///
    /// Of two at the same moment the one added earlier is the first, of two equally bad ones the first is the worst.
    pub fn add(&mut self, kind: &'static str, at: Nanos, mut anomaly: Anomaly) {
        anomaly.at_seconds.get_or_insert(crate::model::seconds(at));
        let Some(group) = self.groups.get_mut(kind) else {
            let (worst, last) = ((at, anomaly.clone()), (at, anomaly.clone()));
            self.groups.insert(kind, Group { count: 1, first: (at, anomaly), worst, last });
            return;
        };
        group.count += 1;
        if at < group.first.0 {
            group.first = (at, anomaly.clone());
        }
        if anomaly.severity > group.worst.1.severity || (anomaly.severity == group.worst.1.severity && at < group.worst.0) {
            group.worst = (at, anomaly.clone());
        }
        if at >= group.last.0 {
            group.last = (at, anomaly);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many there are of a kind.
    pub fn count(&self, kind: &str) -> u64 {
        self.groups.get(kind).map_or(0, |group| group.count)
    }

    /// How many there are of all kinds.
    pub fn total(&self) -> u64 {
        self.groups.values().map(|group| group.count).sum()
    }

    /// The groups, by name of their kind, each counting in its own right.
    pub fn into_groups(self) -> Vec<AnomalyGroup> {
        let group = |(kind, group): (&'static str, Group)| AnomalyGroup {
            kind: kind.to_owned(),
            count: group.count,
            consequence_of: None,
            first: group.first.1,
            worst: group.worst.1,
            last: group.last.1,
        };
        self.groups.into_iter().map(group).collect()
    }

    /// The finding of a check that has these anomalies: a violation when there are any, else unknown when there is a
    /// reason why, else a pass. The engine adds the faults in force, and what is a consequence of what.
    pub fn into_finding(self, name: &str, evidence: BTreeMap<String, u64>, unknown: Option<String>) -> Finding {
        let verdict = match (self.is_empty(), &unknown) {
            (false, _) => Verdict::Violation,
            (true, Some(_)) => Verdict::Unknown,
            (true, None) => Verdict::Pass,
        };
        Finding { name: name.to_owned(), verdict, reason: unknown, evidence, anomalies: self.into_groups(), revenue: Vec::new() }
    }
}

/// Evidence from names and counts.
pub fn evidence<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// One reason out of several, the first three in full.
pub fn one_reason(reasons: &[String]) -> Option<String> {
    let more = reasons.len().saturating_sub(3);
    let told = reasons.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("; ");
    match (reasons.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(told),
        (false, more) => Some(format!("{told}; and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anomaly(severity: u64) -> Anomaly {
        Anomaly { severity, ..Anomaly::default() }
    }

    #[test]
    fn first_worst_and_last_are_kept_whatever_the_order_of_arrival() {
        let mut anomalies = Anomalies::new();
        for (at, severity) in [(5_000_000_000, 2), (1_000_000_000, 1), (3_000_000_000, 9), (8_000_000_000, 9)] {
            anomalies.add("late", at, anomaly(severity));
        }
        anomalies.add("early", 0, anomaly(0));
        assert_eq!((anomalies.count("late"), anomalies.count("none"), anomalies.total()), (4, 0, 5));
        let groups = anomalies.into_groups();
        let names: Vec<_> = groups.iter().map(|group| group.kind.as_str()).collect();
        assert_eq!(names, ["early", "late"]);
        let seconds = |anomaly: &Anomaly| anomaly.at_seconds.unwrap();
        let late = &groups[1];
        assert_eq!((seconds(&late.first), seconds(&late.worst), seconds(&late.last)), (1.0, 3.0, 8.0));
    }
}
