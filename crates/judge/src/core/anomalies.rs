//! Collects anomalies in bounded memory: for each kind its count, the first, the worst and the last.
//!
//! A broken cluster can break a promise a million times, and a report needs four facts about it, not a million.

use std::collections::BTreeMap;

use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::CheckInfo;
use crate::core::verdict::{Anomaly, AnomalyGroup, Finding, Verdict};
use crate::known_defects::KnownDefect;
use ticketcd_history::Nanos;

/// Anomalies by kind, in memory bounded by the number of kinds. They may come in any order.
#[derive(Debug, Default)]
pub struct Anomalies {
    /// In the order in which the kinds first occurred.
    groups: Vec<(&'static AnomalyKind, Group)>,
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

    /// Adds one that happened `at` this time. Fills in its seconds if it has none.
    ///
    /// Of two at the same time the one added earlier is the first; of two equally bad ones the earlier is the worst.
    pub fn add(&mut self, kind: &'static AnomalyKind, at: Nanos, mut anomaly: Anomaly) {
        anomaly.at_seconds.get_or_insert(ticketcd_history::seconds(at));
        let Some((_, group)) = self.groups.iter_mut().find(|(of, _)| *of == kind) else {
            let (worst, last) = ((at, anomaly.clone()), (at, anomaly.clone()));
            self.groups.push((kind, Group { count: 1, first: (at, anomaly), worst, last }));
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

    /// The first of all kinds.
    pub fn first(&self) -> Option<&Anomaly> {
        self.groups.iter().map(|(_, group)| &group.first).min_by_key(|(at, _)| *at).map(|(_, anomaly)| anomaly)
    }

    /// Those that will be reported, with their kinds, so that later facts can be added.
    pub fn shown_mut(&mut self) -> impl Iterator<Item = (&'static AnomalyKind, &mut Anomaly)> {
        self.groups
            .iter_mut()
            .flat_map(|(kind, Group { first, worst, last, .. })| [first, worst, last].map(|(_, anomaly)| (*kind, anomaly)))
    }

    /// What is wrong so far, in one or a few sentences: the explanation of the first anomaly.
    pub fn alarm(&self) -> Option<String> {
        self.first().map(|anomaly| anomaly.explanation.join(" "))
    }

    /// The groups, each counted as a violation: the kind that occurred first comes first.
    pub fn into_groups(mut self, check: &'static CheckInfo) -> Vec<AnomalyGroup> {
        debug_assert!(
            self.groups.iter().all(|(kind, _)| check.kinds.contains(kind)),
            "{} reports a kind that it does not declare",
            check.name
        );
        self.groups.sort_by_key(|(_, group)| group.first.0);
        let group = |(kind, group): (&'static AnomalyKind, Group)| AnomalyGroup {
            kind: kind.name.to_owned(),
            count: group.count,
            consequence_of: None,
            known_defect: KnownDefect::of(check.name, kind.name).map(|defect| defect.name.to_owned()),
            first: group.first.1,
            worst: group.worst.1,
            last: group.last.1,
        };
        self.groups.into_iter().map(group).collect()
    }

    /// The finding of a check with these anomalies: a violation if there are any, else unknown if evidence is missing for the
    /// given reason, else a pass. The engine adds the faults in force and the consequences.
    pub fn into_finding(self, check: &'static CheckInfo, evidence: BTreeMap<String, u64>, lacking: Option<String>) -> Finding {
        let verdict = match (self.is_empty(), &lacking) {
            (false, _) => Verdict::Violation,
            (true, Some(_)) => Verdict::Unknown,
            (true, None) => Verdict::Pass,
        };
        Finding { name: check.name.to_owned(), verdict, reason: lacking, evidence, anomalies: self.into_groups(check), revenue: Vec::new() }
    }
}

/// Evidence from names and counts.
pub fn evidence<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// One reason out of several, each a sentence: the first three in full.
pub fn one_reason(reasons: &[String]) -> Option<String> {
    let first = reasons.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(" ");
    match reasons.len() {
        0 => None,
        1..=3 => Some(first),
        4 => Some(format!("{first} There is one more reason.")),
        all => Some(format!("{first} There are {} more reasons.", all - 3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::check::Basis;

    static LATE: AnomalyKind = AnomalyKind::new("late", "It came late.");
    static EARLY: AnomalyKind = AnomalyKind::new("early", "It came early.");
    static CHECK: CheckInfo =
        CheckInfo { name: "x", promise: "", source: "", kinds: &[&LATE, &EARLY], basis: Basis::Log, view: None, online: false };

    fn anomaly(severity: u64) -> Anomaly {
        Anomaly { severity, ..Anomaly::default() }
    }

    #[test]
    fn first_worst_and_last_are_kept_whatever_the_order_of_arrival() {
        let mut anomalies = Anomalies::new();
        for (at, severity) in [(5_000_000_000, 2), (1_000_000_000, 1), (3_000_000_000, 9), (8_000_000_000, 9)] {
            anomalies.add(&LATE, at, anomaly(severity));
        }
        anomalies.add(&EARLY, 0, anomaly(0));
        assert_eq!(anomalies.first().unwrap().severity, 0);
        let groups = anomalies.into_groups(&CHECK);
        let names: Vec<_> = groups.iter().map(|group| group.kind.as_str()).collect();
        assert_eq!(names, ["early", "late"]);
        let seconds = |anomaly: &Anomaly| anomaly.at_seconds.unwrap();
        let late = &groups[1];
        assert_eq!((seconds(&late.first), seconds(&late.worst), seconds(&late.last)), (1.0, 3.0, 8.0));
        assert_eq!(late.count, 4);
    }

    #[test]
    fn a_violation_dominates_lacking_evidence() {
        let verdict = |anomalies: Anomalies, lacking: Option<&str>| {
            anomalies.into_finding(&CHECK, BTreeMap::new(), lacking.map(str::to_owned)).verdict
        };
        assert_eq!(verdict(Anomalies::new(), Some("Nothing was seen.")), Verdict::Unknown);
        assert_eq!(verdict(Anomalies::new(), None), Verdict::Pass);
        let mut anomalies = Anomalies::new();
        anomalies.add(&LATE, 1, anomaly(1));
        assert_eq!(verdict(anomalies, Some("Nothing was seen.")), Verdict::Violation);
    }

    #[test]
    fn many_reasons_become_one() {
        let reasons: Vec<String> = (1..=5).map(|number| format!("Reason {number}.")).collect();
        assert_eq!(one_reason(&reasons[..0]), None);
        assert_eq!(one_reason(&reasons[..2]).unwrap(), "Reason 1. Reason 2.");
        assert_eq!(one_reason(&reasons).unwrap(), "Reason 1. Reason 2. Reason 3. There are 2 more reasons.");
    }
}
