//! Anomalies as they are found, grouped by kind.

use std::collections::BTreeMap;

use super::verdict::{Anomaly, AnomalyGroup, Finding, Verdict};

/// Groups anomalies by kind: how many, the first, the worst, the last. Memory does not grow with their number.
#[derive(Clone, Debug, Default)]
pub struct AnomalyGroups {
    groups: Vec<AnomalyGroup>,
}

impl AnomalyGroups {
    /// Adds an anomaly; they come in the order of time. Of two equally bad ones the earlier stays the worst.
    pub fn add(&mut self, kind: &str, anomaly: Anomaly) {
        match self.groups.iter_mut().find(|group| group.kind == kind) {
            Some(group) => {
                group.count += 1;
                if anomaly.severity > group.worst.severity {
                    group.worst = anomaly.clone();
                }
                group.last = anomaly;
            }
            None => self.groups.push(AnomalyGroup {
                kind: kind.to_owned(),
                count: 1,
                consequence_of: None,
                first: anomaly.clone(),
                worst: anomaly.clone(),
                last: anomaly,
            }),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The first of all, with its kind.
    pub fn first(&self) -> Option<(&str, &Anomaly)> {
        self.groups.first().map(|group| (group.kind.as_str(), &group.first))
    }

    /// What is wrong so far, in a sentence: the story of the first anomaly.
    pub fn alarm(&self) -> Option<String> {
        self.first().map(|(_, anomaly)| anomaly.story.join(" "))
    }

    /// The finding: a violation when there is any anomaly, else unknown when evidence lacks for the reason given, else a
    /// pass.
    pub fn into_finding(self, name: &str, evidence: BTreeMap<String, u64>, lacking: Option<String>) -> Finding {
        let verdict = match (self.groups.is_empty(), &lacking) {
            (false, _) => Verdict::Violation,
            (true, Some(_)) => Verdict::Unknown,
            (true, None) => Verdict::Pass,
        };
        Finding { name: name.to_owned(), verdict, reason: lacking, evidence, anomalies: self.groups, revenue: Vec::new() }
    }
}

/// Evidence counts by name.
pub fn evidence<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anomaly(severity: u64, revision: i64) -> Anomaly {
        Anomaly { severity, revision: Some(revision), ..Anomaly::default() }
    }

    #[test]
    fn a_group_keeps_the_first_the_worst_and_the_last() {
        let mut groups = AnomalyGroups::default();
        for (severity, revision) in [(1, 10), (5, 20), (5, 30), (2, 40)] {
            groups.add("oversold", anomaly(severity, revision));
        }
        let finding = groups.into_finding("oversell", evidence([("revisions", 4)]), None);
        let group = &finding.anomalies[0];
        assert_eq!(finding.verdict, Verdict::Violation);
        assert_eq!((group.count, group.first.revision, group.worst.revision, group.last.revision), (4, Some(10), Some(20), Some(40)));
    }

    #[test]
    fn a_violation_dominates_lacking_evidence() {
        let mut groups = AnomalyGroups::default();
        let lacking = || Some("nothing was seen".to_owned());
        assert_eq!(groups.clone().into_finding("x", BTreeMap::new(), lacking()).verdict, Verdict::Unknown);
        assert_eq!(groups.clone().into_finding("x", BTreeMap::new(), None).verdict, Verdict::Pass);
        groups.add("kind", anomaly(1, 1));
        assert_eq!(groups.into_finding("x", BTreeMap::new(), lacking()).verdict, Verdict::Violation);
    }
}
