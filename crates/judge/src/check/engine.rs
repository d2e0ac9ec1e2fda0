//! The judge: takes in the events of a run one by one, live or from the files, and gives every check what it needs.

use std::path::Path;

use super::calls::OpenCalls;
use super::collectors::Collectors;
use super::divergence::Divergence;
use super::faults::FaultTimeline;
use super::guarded::Guarded;
use super::replay::ShopReplay;
use super::replayed::{Replayed, ReplayedCall};
use super::verdict::{Anomaly, AnomalyGroup, Finding, Verdict};
use super::{Check, End, FaultWindow, Observation, SequencedRevision};
use crate::history::audit::AuditClosed;
use crate::history::call::{CallOutcome, Return};
use crate::history::event::{Event, WatchBatch, WatchBody, WatchEvent, WatchRole};
use crate::history::reader::Tail;
use crate::history::revision_log::{Place, RevisionLog};
use crate::history::run_info::RunInfo;
use crate::model::{Keyspace, Nanos, Revision};

/// Judges one run.
#[derive(Debug)]
pub struct Judge {
    info: RunInfo,
    keys: Keyspace,
    checks: Vec<Guarded>,
    calls: OpenCalls,
    log: RevisionLog,
    replay: ShopReplay,
    replayed: Replayed,
    divergence: Divergence,
    collectors: Collectors,
    faults: FaultTimeline,
    /// The highest revision that the cluster is known to have reached.
    reached: Revision,
    events: u64,
    complete: bool,
}

/// What was found about a run.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// One finding for each check, the root causes first.
    pub findings: Vec<Finding>,
    /// A violation dominates unknown, unknown dominates pass. Without any finding: unknown.
    pub verdict: Verdict,
    /// Events taken in.
    pub events: u64,
    /// Revisions replayed.
    pub revisions: u64,
    /// Revisions that no collector delivered.
    pub missing_revisions: u64,
    /// The last revision before which none is missing; 0 when there is none.
    pub last_revision: Revision,
    /// Whether the record has its last event.
    pub complete: bool,
    /// How the file of the record ends; clean when it was judged live.
    pub tail: Tail,
    /// The faults, with when they were in force.
    pub faults: Vec<FaultWindow>,
}

impl Judge {
    /// A judge of a run, with the checks it shall make beside its own (`collectors` and `divergence`).
    pub fn new(info: &RunInfo, checks: Vec<Box<dyn Check>>) -> Self {
        let keys = Keyspace::new(info.prefix.as_str());
        Self {
            info: info.clone(),
            replay: ShopReplay::new(keys.clone()),
            keys,
            checks: checks.into_iter().map(Guarded::new).collect(),
            calls: OpenCalls::default(),
            log: RevisionLog::default(),
            replayed: Replayed::default(),
            divergence: Divergence::default(),
            collectors: Collectors::default(),
            faults: FaultTimeline::default(),
            reached: 0,
            events: 0,
            complete: false,
        }
    }

    /// Takes in the next event of the record.
    pub fn observe(&mut self, event: &Event) {
        self.show_event(event);
        match event {
            Event::Invoke(invoke) => self.calls.invoke(invoke.clone()),
            _ => self.follow(event),
        }
    }

    /// Takes in the next event of the record, which nobody else needs: a request need not be copied then.
    pub fn take(&mut self, event: Event) {
        self.show_event(&event);
        match event {
            Event::Invoke(invoke) => self.calls.invoke(invoke),
            _ => self.follow(&event),
        }
    }

    fn show_event(&mut self, event: &Event) {
        self.events += 1;
        self.show(&Observation::Event(event));
    }

    /// What an event that is no request means for the log, the calls and the faults.
    fn follow(&mut self, event: &Event) {
        match event {
            Event::Return(returned) => self.end_call(returned),
            Event::WatchOpened(opened) => {
                self.log.open(opened);
                if opened.role == WatchRole::Collector {
                    self.collectors.opened();
                }
            }
            Event::WatchBatch(batch) if self.log.is_collector(batch) => self.collect(batch),
            Event::Fault(fault) => self.faults.observe(fault),
            Event::AuditClosed(AuditClosed { outcome: Ok(facts), .. }) => self.reached = self.reached.max(facts.after.revision),
            Event::Ended(_) => self.complete = true,
            _ => {}
        }
    }

    /// The first violation so far, told in a sentence with the name of its check: asked while the load runs.
    pub fn violation(&self) -> Option<String> {
        let own = self.divergence.alarm();
        own.or_else(|| self.checks.iter().find_map(Guarded::alarm))
    }

    /// Gives the verdict. Checks of the members' logs read them from the run directory, when there is one.
    pub fn finish(mut self, directory: Option<&Path>) -> Judgement {
        self.pass_on_held(true);
        // A cluster of ours has no other writers: whatever it is known to have reached must have been delivered.
        self.log.end_at(self.reached);
        for invoke in std::mem::take(&mut self.calls).into_never_ended() {
            self.show(&Observation::Call(&invoke, None));
        }

        let faults = self.faults.into_windows();
        let diverged_from = self.divergence.from();
        let end = End {
            info: &self.info,
            keys: &self.keys,
            directory,
            faults: &faults,
            last_revision: self.log.unbroken_until(),
            missing_revisions: self.log.missing(),
            diverged: diverged_from.is_some(),
            complete: self.complete,
            versions: self.replayed.versions(),
        };
        let mut others: Vec<Finding> = self.checks.into_iter().filter(Guarded::applies).map(|check| check.finish(&end)).collect();
        if let Some(from) = diverged_from {
            others.iter_mut().for_each(|finding| blame(finding, from));
        }
        let mut findings = vec![self.divergence.finish(&self.log), self.collectors.finish(&self.log)];
        findings.append(&mut others);
        for finding in &mut findings {
            name_faults(finding, &end);
            excuse(finding, &faults);
        }
        Judgement {
            verdict: findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Unknown),
            findings,
            events: self.events,
            revisions: self.log.revisions(),
            missing_revisions: self.log.missing(),
            last_revision: self.log.unbroken_until(),
            complete: self.complete,
            tail: Tail::Clean,
            faults,
        }
    }

    fn show(&mut self, observation: &Observation<'_>) {
        for check in &mut self.checks {
            check.observe(observation);
        }
    }

    fn end_call(&mut self, returned: &Return) {
        let Some(invoke) = self.calls.end(returned) else { return };
        self.note_revision(returned);
        self.show(&Observation::Call(&invoke, Some(returned)));
        self.replayed.add(invoke, returned);
        self.show_replayed();
    }

    /// Shows the calls whose revision the log has reached.
    fn show_replayed(&mut self) {
        loop {
            let ready = self.replayed.ready();
            if ready.is_empty() {
                return;
            }
            for (invoke, returned) in &ready {
                if let Some(call) = ReplayedCall::new(invoke, returned, self.replayed.versions()) {
                    self.checks.iter_mut().for_each(|check| check.observe(&Observation::Replayed(&call)));
                }
            }
        }
    }

    /// An acknowledged write proves that its revision was reached.
    fn note_revision(&mut self, returned: &Return) {
        if let CallOutcome::Ok(answer) = &returned.outcome
            && answer.wrote()
        {
            self.reached = self.reached.max(answer.revision);
        }
    }

    fn collect(&mut self, batch: &WatchBatch) {
        let WatchBody::Events(events) = &batch.body else {
            self.log.note(batch);
            return;
        };
        for events in events.chunk_by(|one, next| one.kv.mod_revision == next.kv.mod_revision) {
            let Some(revision) = events.first().map(|event| event.kv.mod_revision) else { continue };
            let Some(offer) = self.log.offer(batch.subscription, batch.at, revision, events) else { continue };
            self.collectors.delivered();
            if let Some(irregularity) = &offer.irregularity {
                self.collectors.add(irregularity);
            }
            if let Some(disagreement) = &offer.disagreement {
                self.divergence.add(disagreement);
            }
            if offer.place == Place::Next {
                self.sequence(revision, batch.at, events, 0);
            }
            self.pass_on_held(false);
        }
    }

    fn pass_on_held(&mut self, record_ends: bool) {
        while let Some(held) = self.log.next_held(record_ends) {
            self.sequence(held.revision, held.at, &held.events, held.missing_before);
        }
    }

    fn sequence(&mut self, revision: Revision, at: Nanos, events: &[WatchEvent], missing_before: u64) {
        let changes = self.replay.apply(events);
        self.replayed.apply(revision, events, missing_before);
        let versions = self.replayed.versions();
        let sequenced = SequencedRevision { revision, at, events, changes, missing_before, versions };
        self.checks.iter_mut().for_each(|check| check.observe(&Observation::Revision(&sequenced)));
        self.show_replayed();
    }
}

/// Marks what was found as a consequence of a divergence, unless it showed before that.
fn blame(finding: &mut Finding, from: Revision) {
    let later = |group: &&mut AnomalyGroup| group.first.revision.is_none_or(|revision| revision >= from);
    for group in finding.anomalies.iter_mut().filter(later) {
        group.consequence_of.get_or_insert_with(|| format!("divergence at revision {from}"));
    }
}

/// Names the faults that were in force at each anomaly.
fn name_faults(finding: &mut Finding, end: &End<'_>) {
    for anomaly in finding.anomalies.iter_mut().flat_map(told) {
        if let (Some(at), true) = (anomaly.at_seconds, anomaly.faults.is_empty()) {
            // Rounded up, so that what happens at the very moment of an injection counts as under the fault.
            anomaly.faults = end.faults_at((at * 1e9).round() as Nanos);
        }
    }
}

fn told(group: &mut AnomalyGroup) -> [&mut Anomaly; 3] {
    [&mut group.first, &mut group.worst, &mut group.last]
}

/// After a fault that etcd does not promise to survive, what is found is a consequence of the fault and no violation.
fn excuse(finding: &mut Finding, faults: &[FaultWindow]) {
    let Some(fault) = faults.iter().find(|fault| !fault.survivable) else { return };
    let since = crate::model::seconds(fault.from);
    for group in &mut finding.anomalies {
        if group.first.at_seconds.is_none_or(|at| at >= since) {
            group.consequence_of = Some(format!("{}, beyond what etcd promises to survive", fault.what));
        }
    }
    let excused = finding.anomalies.iter().all(|group| group.consequence_of.is_some());
    if finding.verdict == Verdict::Violation && excused {
        finding.verdict = Verdict::Unknown;
        finding.reason = Some(format!("What was found came after a fault that etcd does not promise to survive: {}.", fault.what));
    }
}

#[cfg(test)]
mod tests;
