//! Recovery: after a fault that etcd promises to survive is healed, the cluster makes progress, and no member exits by itself.
//!
//! Source: etcd's documentation on failures: with a majority of connected members the cluster serves writes, and a member that
//! returns catches up. It does not promise how fast: a cluster that needs longer than [`RECOVERY_MAX`] is reported as
//! `not_recovered`, which is unknown and not a violation. An unexpected exit of a process is a violation, unless it was killed
//! from outside (out of memory, an operator) or its log shows that the machine failed (a full disk): then it is not evidence.
//! Before the first phase there is no cluster yet: a member that does not start then was started wrongly.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Anomaly, Finding, Verdict};
use crate::etcd::logs::machine_trouble;
use crate::explain::{Explain, fault_name};
use ticketcd_history::call::CallOutcome;
use ticketcd_history::event::{Event, FaultEvent, FaultStage, MemberChange, MemberEvent, MemberSample, Phase};
use ticketcd_history::member::ProcessExit;
use ticketcd_history::{MemberIndex, Nanos, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "recovery",
    promise: "A member exits only when it is stopped, and after a fault is healed the cluster makes progress.",
    source: "etcd's promise to survive the loss of a minority",
    kinds: &[&CRASHED, &NOT_RECOVERED],
    basis: Basis::Log,
    view: None,
    online: false,
};

static CRASHED: AnomalyKind = AnomalyKind::new("crashed", "A member's process exited without being stopped.");
static NOT_RECOVERED: AnomalyKind = AnomalyKind::new(
    "not_recovered",
    "The cluster made no progress within 60 s after a fault was healed. The verdict is then unknown: etcd does not promise how fast it recovers.",
);

/// How long after healing an operation may take before the cluster counts as not recovered: 60 s.
pub const RECOVERY_MAX: Nanos = 60_000_000_000;

/// The check.
#[derive(Debug, Default)]
pub struct Recovery {
    faults: BTreeMap<u32, Fault>,
    crashes: Vec<(MemberIndex, Nanos, ProcessExit)>,
    acknowledged_writes: u64,
    samples: u64,
    samples_unanswered: u64,
    lowest_revision: Option<Revision>,
    highest_revision: Revision,
    has_begun: bool,
    drained: Option<Nanos>,
    now: Nanos,
}

#[derive(Debug, Default)]
struct Fault {
    kind: String,
    beyond_promise: bool,
    /// Its name and the members it hit.
    injected: Option<(String, Vec<MemberIndex>)>,
    injected_at: Nanos,
    healed: Option<Healed>,
    not_recovered: Option<(Nanos, String)>,
}

#[derive(Debug)]
struct Healed {
    at: Nanos,
    /// When the first operation that was sent afterwards and needs a majority completed.
    progress: Option<Nanos>,
}

impl Check for Recovery {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Call)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(Event::Fault(event)) => self.fault(event),
            Observation::Event(Event::Member(event)) => self.member(event),
            Observation::Event(Event::Sample(sample)) => self.sample(sample),
            Observation::Event(Event::Phase(began)) => {
                self.now = self.now.max(began.at);
                self.has_begun = true;
                if began.phase == Phase::Drain {
                    self.drained.get_or_insert(began.at);
                }
            }
            Observation::Call(invoke, Some(returned)) => {
                self.now = self.now.max(returned.done);
                let CallOutcome::Ok(answer) = &returned.outcome else { return };
                self.acknowledged_writes += u64::from(answer.wrote());
                // A sold-out shop writes nothing any more; a linearizable read needs a leader and a majority, too.
                if answer.wrote() || invoke.request.is_linearizable() {
                    self.progress(invoke.sent, returned.done);
                }
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let mut violations = Anomalies::new();
        let mut loud = Anomalies::new();
        let mut reasons = Vec::new();
        let machine_trouble = if self.crashes.is_empty() { Vec::new() } else { machine_trouble(end) };
        for (member, at, exit) in &self.crashes {
            // The members of a run share a machine, and on a full disk a failing member may not log the reason.
            let trouble = machine_trouble.iter().find(|trouble| trouble.member == *member).or(machine_trouble.first());
            if exit.is_from_outside() {
                reasons.push(format!("Member {} was killed from outside at {:.1} s ({}).", member.name(), seconds(*at), exit.in_words()));
            } else if let Some(trouble) = trouble {
                reasons.push(format!(
                    "Member {} exited at {:.1} s ({}) after its machine had failed. {trouble}",
                    member.name(),
                    seconds(*at),
                    exit.in_words()
                ));
            } else {
                violations.add(&CRASHED, *at, crashed(*member, *at, *exit));
            }
        }
        for fault in self.faults.values() {
            match self.judge(fault) {
                Ok(()) => {}
                Err(Lacking::Evidence(reason)) => reasons.push(reason),
                Err(Lacking::Progress(at, reason)) => {
                    loud.add(&NOT_RECOVERED, at, not_recovered(fault, &reason));
                    reasons.insert(0, reason);
                }
            }
        }
        let grew = self.lowest_revision.is_some_and(|lowest| self.highest_revision > lowest);
        if self.acknowledged_writes == 0 && !grew {
            reasons.push("No progress was recorded: no write was acknowledged and no member's revision increased.".to_owned());
        }
        if self.samples == self.samples_unanswered {
            reasons.push("No status of a member was recorded.".to_owned());
        }
        let counts = self.counts();
        let is_violation = !violations.is_empty();
        let mut finding = violations.into_finding(&CHECK, counts, one_reason(&reasons));
        finding.anomalies.extend(loud.into_groups(&CHECK));
        if !is_violation && !reasons.is_empty() {
            finding.verdict = Verdict::Unknown;
        }
        finding
    }
}

/// Why the recovery from a fault is not shown.
enum Lacking {
    Evidence(String),
    Progress(Nanos, String),
}

impl Recovery {
    fn fault(&mut self, event: &FaultEvent) {
        self.now = self.now.max(event.at);
        let fault = self.faults.entry(event.fault).or_default();
        match &event.stage {
            FaultStage::Planned { kind, survivable, .. } => (fault.kind, fault.beyond_promise) = (kind.clone(), !survivable),
            FaultStage::Injected { members, leader, .. } => {
                let name = fault_name(&fault.kind, members, *leader);
                (fault.injected, fault.injected_at) = (Some((name, members.clone())), event.at);
            }
            FaultStage::Healed { .. } => fault.healed = Some(Healed { at: event.at, progress: None }),
            FaultStage::NotRecovered { reason, .. } => fault.not_recovered = Some((event.at, reason.in_words().to_string())),
            FaultStage::NotInjected(_) | FaultStage::Effect(_) => {}
        }
    }

    fn member(&mut self, event: &MemberEvent) {
        self.now = self.now.max(event.at);
        if let MemberChange::Exited { exit, expected: false } = &event.change
            && self.has_begun
        {
            self.crashes.push((event.member, event.at, *exit));
        }
    }

    fn sample(&mut self, sample: &MemberSample) {
        self.now = self.now.max(sample.at);
        self.samples += 1;
        let Some(status) = &sample.status else {
            self.samples_unanswered += 1;
            return;
        };
        self.lowest_revision = Some(self.lowest_revision.map_or(status.revision, |lowest| lowest.min(status.revision)));
        self.highest_revision = self.highest_revision.max(status.revision);
    }

    fn progress(&mut self, sent: Nanos, done: Nanos) {
        for healed in self.faults.values_mut().filter_map(|fault| fault.healed.as_mut()) {
            if sent > healed.at && healed.progress.is_none_or(|progress| done < progress) {
                healed.progress = Some(done);
            }
        }
    }

    fn judge(&self, fault: &Fault) -> Result<(), Lacking> {
        let Some((name, _)) = &fault.injected else { return Ok(()) };
        if fault.beyond_promise {
            return Ok(());
        }
        if let Some((at, reason)) = &fault.not_recovered {
            return Err(Lacking::Progress(*at, format!("The cluster did not recover from {name}: {reason}.")));
        }
        let Some(healed) = &fault.healed else {
            return Err(Lacking::Evidence(format!("The record does not show that {name} was healed.")));
        };
        let waited = |until: Nanos| until.saturating_sub(self.free_since(healed.at, until));
        let late = |until: Nanos| waited(until) > RECOVERY_MAX;
        let under_load_until = self.drained.unwrap_or(self.now);
        match healed.progress {
            Some(progress) if !late(progress) => Ok(()),
            Some(progress) => {
                let waited = seconds(waited(progress));
                Err(Lacking::Progress(
                    healed.at,
                    format!("After {name} was healed, the first response that needs a majority took {waited:.1} s."),
                ))
            }
            None if late(under_load_until) => {
                let waited = seconds(waited(under_load_until));
                Err(Lacking::Progress(
                    healed.at,
                    format!("In the {waited:.1} s after {name} was healed, no operation that needs a majority completed."),
                ))
            }
            None => Err(Lacking::Evidence(format!("After {name} was healed, no operation that needs a majority completed."))),
        }
    }

    /// When the cluster could recover: an overlapping fault that was healed later delays it.
    fn free_since(&self, healed: Nanos, until: Nanos) -> Nanos {
        let overlapping =
            self.faults.values().filter(|fault| fault.injected.is_some() && fault.injected_at <= healed.saturating_add(RECOVERY_MAX));
        let ends = overlapping.filter_map(|fault| fault.healed.as_ref()).map(|other| other.at).filter(|at| *at <= until);
        ends.max().unwrap_or(healed).max(healed)
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let count = |of: fn(&Fault) -> bool| self.faults.values().filter(|fault| of(fault)).count() as u64;
        evidence([
            ("faults_planned", self.faults.len() as u64),
            ("faults_injected", count(|fault| fault.injected.is_some())),
            ("faults_healed", count(|fault| fault.healed.is_some())),
            ("faults_followed_by_progress", count(|fault| fault.healed.as_ref().is_some_and(|healed| healed.progress.is_some()))),
            ("acknowledged_writes", self.acknowledged_writes),
            ("samples", self.samples),
            ("samples_unanswered", self.samples_unanswered),
            ("unexpected_exits", self.crashes.len() as u64),
        ])
    }
}

fn crashed(member: MemberIndex, at: Nanos, exit: ProcessExit) -> Anomaly {
    Anomaly {
        explanation: vec![format!("At {:.3} s the process of {} exited unexpectedly: {}.", seconds(at), member.name(), exit.in_words())],
        severity: 1,
        members: vec![member.name()],
        ..Anomaly::default()
    }
}

fn not_recovered(fault: &Fault, reason: &str) -> Anomaly {
    let members = fault.injected.iter().flat_map(|(_, members)| members);
    Anomaly {
        explanation: vec![reason.to_owned()],
        severity: 1,
        members: members.map(|member| member.name()).collect(),
        ..Anomaly::default()
    }
}
