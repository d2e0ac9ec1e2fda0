//! What is kept of a finished run: what it exercised, how it ended and what was found.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::core::verdict::{Finding, Verdict};

use super::draw::Drawn;
use super::features;
use crate::report::waivers::{self, WaiverResult, WaiverState};
use crate::report::{RunResult, RunVerdict};

/// A finished run of a hunt: one line of its ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Which run of the hunt, from 1.
    pub run: u32,
    /// Members of the cluster.
    pub members: u8,
    /// The purchase strategy.
    pub strategy: String,
    /// The kind of each fault of the plan, in the order in which they were due.
    pub faults: Vec<String>,
    /// Operations of the mix with their shares of it in percent, the largest first.
    pub mix: Vec<(String, u32)>,
    /// Client watches open at the same time, at most, and the streams to each member that they share; none without watches.
    pub watches: Option<(u32, u8)>,
    /// What else it exercised: names of [`features::ALL`].
    pub features: BTreeSet<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in sentences; empty for a pass.
    pub reasons: Vec<String>,
    /// What is wrong, by check and anomaly kind. What is only a consequence of something else is left out.
    pub findings: Vec<Found>,
    /// Orders sold.
    pub sold: u64,
    /// How long the run took, judging included.
    pub seconds: f64,
    /// Its directory, relative to the hunt's, when it was kept.
    pub kept: Option<String>,
}

/// How a run of a hunt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A promise was broken.
    Violation,
    /// The run ended with an internal error.
    InternalError,
    /// It was interrupted: it is run again when the hunt is resumed.
    Interrupted,
    /// It shows nothing about the cluster.
    Invalid,
    /// A check lacked evidence.
    Unknown,
    /// Nothing is wrong beyond what is known and waived.
    Waived,
    /// Every promise was kept.
    Pass,
}

impl Outcome {
    /// Every outcome, the worst first.
    pub const ALL: [Self; 7] =
        [Self::Violation, Self::InternalError, Self::Interrupted, Self::Invalid, Self::Unknown, Self::Waived, Self::Pass];

    /// Its name in the output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Violation => "VIOLATION",
            Self::InternalError => "ERROR",
            Self::Interrupted => "interrupted",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
            Self::Pass => "pass",
        }
    }

    /// Whether the run has shown something about etcd.
    pub fn is_conclusive(self) -> bool {
        matches!(self, Self::Violation | Self::Waived | Self::Pass)
    }
}

/// What one check found of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The check.
    pub check: String,
    /// The kind of anomaly.
    pub kind: String,
    /// How many of it.
    pub count: u64,
    /// The issue under which it is known, if it is: by a waiver, or because it has the shape of a known defect of this etcd release.
    pub issue: Option<String>,
    /// Whether it is waived, so that it fails nothing.
    pub is_waived: bool,
}

impl Record {
    /// What a run was meant to exercise, before it has ended.
    pub fn planned(run: u32, drawn: &Drawn) -> Self {
        let scenario = &drawn.scenario;
        let load = &scenario.load;
        let plan = scenario.fault_plan(drawn.seed);
        Self {
            run,
            members: scenario.cluster.members,
            strategy: load.strategy.name().to_owned(),
            faults: plan.faults.iter().map(|fault| fault.inject.name().to_owned()).collect(),
            mix: features::mix(&load.mix),
            watches: (load.mix.board > 0).then_some((load.boards.open_max, load.boards.streams)),
            features: features::of(scenario, &plan),
            outcome: Outcome::InternalError,
            reasons: Vec::new(),
            findings: Vec::new(),
            sold: 0,
            seconds: 0.0,
            kept: None,
        }
    }

    /// The same with what came of it.
    pub fn finished(mut self, result: &RunResult, took: Duration) -> Self {
        if result.load.sold_out > 0 {
            self.features.insert(features::SOLD_OUT.to_owned());
        }
        self.findings = found(&result.checks, &result.known);
        self.outcome = outcome(result);
        self.reasons.clone_from(&result.reasons);
        self.sold = result.load.sold;
        self.seconds = took.as_secs_f64();
        self
    }

    /// The same, ended by an internal error.
    pub fn failed(mut self, reason: String, took: Duration) -> Self {
        self.reasons = vec![reason];
        self.seconds = took.as_secs_f64();
        self
    }
}

fn outcome(result: &RunResult) -> Outcome {
    let waived: Vec<&WaiverResult> = result.known.iter().filter(|waiver| waiver.state == WaiverState::Waived).collect();
    match result.verdict {
        RunVerdict::Violation => Outcome::Violation,
        _ if result.interrupted => Outcome::Interrupted,
        RunVerdict::Invalid => Outcome::Invalid,
        // Where members differ, other checks lack evidence: that follows from what is known.
        RunVerdict::Unknown if waived.iter().any(|waiver| waiver.check == "divergence") => Outcome::Waived,
        RunVerdict::Unknown => Outcome::Unknown,
        // No objective is drawn, so that none can be missed.
        RunVerdict::Pass | RunVerdict::ObjectiveMissed if !waived.is_empty() => Outcome::Waived,
        RunVerdict::Pass | RunVerdict::ObjectiveMissed => Outcome::Pass,
    }
}

fn found(checks: &[Finding], known: &[WaiverResult]) -> Vec<Found> {
    let violated = checks.iter().filter(|finding| finding.verdict == Verdict::Violation);
    let groups = violated.flat_map(|finding| {
        let waivers = known.iter().filter(|waiver| waiver.check == finding.name && waiver.state == WaiverState::Waived);
        let waivers: Vec<&WaiverResult> = waivers.collect();
        let counting = finding.anomalies.iter().filter(|group| group.consequence_of.is_none());
        counting.map(move |group| {
            let waiver = waivers.iter().find(|waiver| waivers::covers(&waiver.issue, group));
            Found {
                check: finding.name.clone(),
                kind: group.kind.clone(),
                count: group.count,
                issue: waiver.map(|waiver| &waiver.issue).or(group.known_defect.as_ref()).cloned(),
                is_waived: waiver.is_some(),
            }
        })
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::core::verdict::{Anomaly, AnomalyGroup};
    use ticketcd_judge::history::run_info::RunInfo;

    use super::super::draw::draw;
    use super::*;
    use crate::report::build::describe;

    fn finding(check: &str, groups: &[(&str, Option<&str>)]) -> Finding {
        let group = |(kind, cause): &(&str, Option<&str>)| AnomalyGroup {
            kind: (*kind).to_owned(),
            count: 2,
            consequence_of: cause.map(str::to_owned),
            known_defect: (*kind == "starved").then(|| "etcd#22294".to_owned()),
            first: Anomaly::default(),
            worst: Anomaly::default(),
            last: Anomaly::default(),
        };
        Finding {
            name: check.to_owned(),
            verdict: Verdict::Violation,
            reason: None,
            evidence: BTreeMap::new(),
            anomalies: groups.iter().map(group).collect(),
            revenue: Vec::new(),
        }
    }

    fn result(verdict: RunVerdict, waived: &[&str]) -> RunResult {
        let waiver = |check: &&str| WaiverResult {
            issue: "unsafe by design".to_owned(),
            check: (*check).to_owned(),
            until: "9999-12-31".to_owned(),
            state: WaiverState::Waived,
        };
        let checks =
            vec![finding("ledger", &[("lost_order", None)]), finding("replicas", &[("differs", None), ("missing", Some("differs"))])];
        RunResult { verdict, checks, known: waived.iter().map(waiver).collect(), ..describe(RunInfo::default()) }
    }

    #[test]
    fn a_record_names_what_counts_and_what_is_waived() {
        let planned = Record::planned(3, &draw(1, 3).unwrap());
        let record = planned.finished(&result(RunVerdict::Violation, &["ledger"]), Duration::from_millis(1500));
        assert_eq!((record.run, record.outcome, record.seconds), (3, Outcome::Violation, 1.5));
        let named: Vec<_> =
            record.findings.iter().map(|found| (found.check.as_str(), found.kind.as_str(), found.issue.as_deref())).collect();
        assert_eq!(named, [("ledger", "lost_order", Some("unsafe by design")), ("replicas", "differs", None)]);
    }

    #[test]
    fn a_violation_stands_even_when_the_run_was_interrupted() {
        let interrupted = |verdict| RunResult { interrupted: true, ..result(verdict, &[]) };
        assert_eq!(outcome(&interrupted(RunVerdict::Violation)), Outcome::Violation);
        assert_eq!(outcome(&interrupted(RunVerdict::Pass)), Outcome::Interrupted);
        assert_eq!(outcome(&result(RunVerdict::Pass, &["ledger"])), Outcome::Waived);
        assert_eq!(outcome(&result(RunVerdict::Pass, &[])), Outcome::Pass);
        assert_eq!(outcome(&result(RunVerdict::Unknown, &["ledger"])), Outcome::Unknown);
        assert_eq!(outcome(&result(RunVerdict::Unknown, &["divergence"])), Outcome::Waived);
    }

    #[test]
    fn a_known_defect_of_etcd_is_named_and_waived_by_its_own_name_only() {
        let checks = [finding("watch", &[("starved", None), ("missed", None)])];
        let waiver = |issue: &str| WaiverResult {
            issue: issue.to_owned(),
            check: "watch".to_owned(),
            until: "9999-12-31".to_owned(),
            state: WaiverState::Waived,
        };
        let named = |known: &[WaiverResult]| -> Vec<(Option<String>, bool)> {
            found(&checks, known).into_iter().map(|found| (found.issue, found.is_waived)).collect()
        };
        let defect = Some("etcd#22294".to_owned());
        assert_eq!(named(&[]), [(defect.clone(), false), (None, false)]);
        assert_eq!(named(&[waiver("etcd#22294")]), [(defect, true), (None, false)]);
    }
}
