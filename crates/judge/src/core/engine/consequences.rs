//! Consequences: a finding with a root cause elsewhere is reported, but does not count as a violation.

use std::cmp::Ordering;

use crate::core::check::{Basis, CheckInfo, End, FaultWindow};
use crate::core::verdict::{Anomaly, AnomalyGroup, Finding, Verdict};
use ticketcd_history::integrity::RecordFlaw;
use ticketcd_history::{Nanos, Revision};

/// The file that every check depends on.
const RUN_INFO: &str = "run.json";

/// What findings can be a consequence of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consequences<'run> {
    /// Every check that ran.
    pub(super) checks: &'run [&'static CheckInfo],
    /// What is known when the record ends.
    pub(super) end: &'run End<'run>,
    /// Flaws of the record's files.
    pub(super) flaws: &'run [RecordFlaw],
}

impl Consequences<'_> {
    /// Marks each anomaly that is a consequence, names the faults in force at each, and moves root causes to the front.
    pub(super) fn mark(&self, findings: &mut [Finding]) {
        // A divergence is the root cause: it comes first, and a group that already has a cause keeps it.
        let log = self.end.log;
        let causes = [(log.diverged_from, "divergence"), (log.partial_from, "a collector that received a revision in parts,")];
        for (from, what) in causes.into_iter().filter_map(|(from, what)| Some((from?, what))) {
            let others = findings.iter_mut().filter(|finding| self.basis(finding) != Some(Basis::Deliveries));
            others.for_each(|finding| blame(finding, from, what));
        }
        self.blame_invention(findings);
        for finding in findings {
            name_faults(finding, self.end);
            excuse(finding, self.end.faults);
            self.distrust(finding);
        }
    }

    fn info(&self, finding: &Finding) -> Option<&'static CheckInfo> {
        self.checks.iter().find(|info| info.name == finding.name).copied()
    }

    fn basis(&self, finding: &Finding) -> Option<Basis> {
        self.info(finding).map(|info| info.basis)
    }

    /// Whether an anomaly of a finding is a response with a revision that never existed, so that later responses look old.
    fn is_invention(&self, finding: &Finding, group: &AnomalyGroup) -> bool {
        let kinds = self.info(finding).map_or(&[][..], |info| info.kinds);
        kinds.iter().any(|kind| kind.name == group.kind && kind.explains == Some(Basis::EarlierResponses))
    }

    /// The first anomaly of each such kind of a finding.
    fn inventions<'found>(&self, finding: &'found Finding) -> impl Iterator<Item = &'found Anomaly> {
        finding.anomalies.iter().filter(move |group| self.is_invention(finding, group)).map(|group| &group.first)
    }

    /// A response with a revision that never existed makes every later one look old: findings that compared with it are marked
    /// as its consequences, and it comes first.
    fn blame_invention(&self, findings: &mut [Finding]) {
        let first = findings
            .iter()
            .flat_map(|finding| self.inventions(finding))
            .min_by(|one, other| one.at_seconds.partial_cmp(&other.at_seconds).unwrap_or(Ordering::Equal));
        let Some((Some(since), Some(revision))) = first.map(|first| (first.at_seconds, first.revision)) else { return };
        for finding in findings.iter_mut().filter(|finding| self.basis(finding) == Some(Basis::EarlierResponses)) {
            let (mut inventions, mut others): (Vec<_>, Vec<_>) =
                std::mem::take(&mut finding.anomalies).into_iter().partition(|group| self.is_invention(finding, group));
            for group in others.iter_mut().filter(|group| group.first.at_seconds.is_some_and(|at| at >= since)) {
                group.consequence_of.get_or_insert_with(|| format!("a response that named revision {revision}, which never existed"));
            }
            inventions.append(&mut others);
            finding.anomalies = inventions;
        }
        // Root causes stay in front of it.
        let roots = findings.iter().take_while(|finding| self.basis(finding) == Some(Basis::Deliveries)).count();
        if let Some(others) = findings.get_mut(roots..) {
            others.sort_by_key(|finding| self.inventions(finding).next().is_none());
        }
    }

    /// A finding based on a file that was changed after the run is not evidence: every check depends on `run.json`, and the
    /// log checks on the members' logs.
    fn distrust(&self, finding: &mut Finding) {
        let reads_logs = self.basis(finding) == Some(Basis::MemberLogs);
        let changed = self.flaws.iter().find_map(|flaw| match flaw {
            RecordFlaw::FileChanged { name } => Some(name.as_str()).filter(|name| *name == RUN_INFO || reads_logs),
            _ => None,
        });
        let Some(changed) = changed else { return };
        for group in &mut finding.anomalies {
            group.consequence_of.get_or_insert_with(|| format!("{changed}, which was changed after the run"));
        }
        finding.verdict = Verdict::Unknown;
        finding.reason = Some(format!("{changed} was changed after the run, so findings based on it are not evidence."));
    }
}

/// Marks anomalies as consequences of a cause, unless they occurred before it.
fn blame(finding: &mut Finding, from: Revision, what: &str) {
    let later = |group: &&mut AnomalyGroup| group.first.revision.is_none_or(|revision| revision >= from);
    for group in finding.anomalies.iter_mut().filter(later) {
        group.consequence_of.get_or_insert_with(|| format!("{what} at revision {from}"));
    }
}

/// Adds the faults in force to each anomaly.
fn name_faults(finding: &mut Finding, end: &End<'_>) {
    for anomaly in finding.anomalies.iter_mut().flat_map(shown) {
        if let (Some(at), true) = (anomaly.at_seconds, anomaly.faults.is_empty()) {
            // Rounded up, so that an anomaly at the time of an injection counts as under the fault.
            anomaly.faults = end.faults_at((at * 1e9).round() as Nanos);
        }
    }
}

fn shown(group: &mut AnomalyGroup) -> [&mut Anomaly; 3] {
    [&mut group.first, &mut group.worst, &mut group.last]
}

/// After a fault that etcd does not promise to survive, anomalies are consequences of the fault and not violations.
fn excuse(finding: &mut Finding, faults: &[FaultWindow]) {
    let Some(fault) = faults.iter().find(|fault| !fault.survivable) else { return };
    let since = ticketcd_history::seconds(fault.from);
    for group in &mut finding.anomalies {
        if group.first.at_seconds.is_none_or(|at| at >= since) {
            group.consequence_of = Some(format!("{}, beyond what etcd promises to survive", fault.name));
        }
    }
    let excused = finding.anomalies.iter().all(|group| group.consequence_of.is_some());
    if finding.verdict == Verdict::Violation && excused {
        finding.verdict = Verdict::Unknown;
        finding.reason = Some(format!("The findings came after a fault that etcd does not promise to survive: {}.", fault.name));
    }
}
