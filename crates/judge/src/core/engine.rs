//! The judge: takes in the events of a run one by one, live or from the files, and gives every check what it needs.

mod check_group;
mod follower;
mod groups;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use self::check_group::Bench;
use self::follower::{Core, Turn};
use self::groups::{Batch, Follow, Groups};
use crate::core::calls::OpenCalls;
use crate::core::check::{BEYOND_WHAT_EXISTS, Check, End, FaultWindow};
use crate::core::key_space::Versions;
use crate::core::panic_guard::Guarded;
use crate::core::shared_event::SharedEvent;
use crate::core::verdict::{Anomaly, AnomalyGroup, Finding, Verdict};
use crate::model::Keyspace;
use ticketcd_history::event::Event;
use ticketcd_history::integrity::RecordFlaw;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Nanos, Revision};

/// Where what every check judges by is written, and the check that reads the members' logs.
const RUN_INFO: &str = "run.json";
const LOGS: &str = "logs";

/// The checks that hold answers against what earlier answers named.
const HELD_AGAINST_ANSWERS: [&str; 3] = ["real_time", "sessions", "serializable"];

/// Judges one run.
#[derive(Debug)]
pub struct Judge {
    info: RunInfo,
    keys: Keyspace,
    audience: Audience,
    calls: OpenCalls,
    core: Core,
    /// Revisions whose turn has come, empty between two events.
    turns: Vec<Turn>,
    events: u64,
}

/// The checks, and how they are reached.
#[derive(Debug)]
enum Audience {
    /// On this thread, at once: what they say of it can be asked at any time.
    Here(Box<Bench>),
    /// On threads of their own, a little later.
    Apart(Groups),
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
    /// What is wrong with the files of the record; nothing when it was judged live.
    pub flaws: Vec<RecordFlaw>,
    /// The faults, with when they were in force.
    pub faults: Vec<FaultWindow>,
}

impl Judge {
    /// A judge of a run, with the checks it shall make beside its own (`collectors` and `divergence`), on this thread.
    pub fn new(info: &RunInfo, checks: Vec<Box<dyn Check>>) -> Self {
        Self::with(info, Audience::Here(Box::new(Bench::new(checks.into_iter().map(Guarded::new).collect()))))
    }

    /// A judge whose checks are made on threads of their own: faster, with the same verdicts. It cannot tell of a violation
    /// before the end.
    pub fn in_parallel(info: &RunInfo, checks: Vec<Box<dyn Check>>) -> Self {
        Self::with(info, Audience::Apart(Groups::new(checks.into_iter().map(Guarded::new).collect())))
    }

    fn with(info: &RunInfo, audience: Audience) -> Self {
        let keys = Keyspace::new(info.prefix.as_str());
        Self {
            info: info.clone(),
            core: Core::new(keys.clone()),
            keys,
            audience,
            calls: OpenCalls::default(),
            turns: Vec::new(),
            events: 0,
        }
    }

    /// Takes in the next event of the record.
    pub fn observe(&mut self, event: &Event) {
        match self.audience {
            Audience::Here(_) => self.show_here(event, || Some(SharedEvent::copy(event))),
            Audience::Apart(_) => self.take(&Arc::new(vec![event.clone()])),
        }
    }

    /// Takes in the next events of the record. They are shared with whoever needs them for longer.
    pub fn take(&mut self, events: &Arc<Vec<Event>>) {
        let Audience::Apart(groups) = &self.audience else {
            for (place, event) in events.iter().enumerate() {
                self.show_here(event, || SharedEvent::new(events, place));
            }
            return;
        };
        self.events += events.len() as u64;
        // Nearly every second event is the return of a call.
        let mut follows = Vec::with_capacity(events.len() / 2);
        for (place, event) in events.iter().enumerate() {
            match event {
                Event::Invoke(invoke) => {
                    self.calls.extend(SharedEvent::new(events, place).map(|event| (invoke.id, event)));
                }
                Event::Return(returned) => {
                    if let Some(call) = self.calls.end(returned) {
                        self.core.note_revision(returned);
                        follows.push((place, Follow::Call(call)));
                    }
                }
                event => {
                    self.core.follow(event, &mut self.turns);
                    follows.extend(self.turns.drain(..).map(|turn| (place, Follow::Revision(Box::new(turn)))));
                }
            }
        }
        groups.show(Batch { events: Arc::clone(events), follows });
    }

    /// Shows an event, and what follows from it, to the checks on this thread.
    fn show_here(&mut self, event: &Event, share: impl Fn() -> Option<SharedEvent>) {
        let Audience::Here(bench) = &mut self.audience else { return };
        self.events += 1;
        bench.event(event);
        match event {
            Event::Invoke(invoke) => self.calls.extend(share().map(|event| (invoke.id, event))),
            Event::Return(returned) => {
                if let Some(call) = self.calls.end(returned) {
                    self.core.note_revision(returned);
                    bench.call(&call, Some(returned), share);
                }
            }
            event => {
                self.core.follow(event, &mut self.turns);
                for turn in self.turns.drain(..) {
                    bench.revision(&turn, Some(event));
                }
            }
        }
    }

    /// The first violation so far, told in a sentence after the name of its check: asked while the load runs.
    pub fn violation(&self) -> Option<String> {
        let own = self.core.divergence.alarm().map(|alarm| format!("divergence: {alarm}"));
        own.or_else(|| match &self.audience {
            Audience::Here(bench) => bench.alarm(),
            Audience::Apart(_) => None,
        })
    }

    /// Gives the verdict on a record whose files are whole. Checks of the members' logs read them from the run directory, when
    /// there is one.
    pub fn finish(self, directory: Option<&Path>) -> Judgement {
        self.finish_flawed(directory, Vec::new())
    }

    /// Gives the verdict on a record with these flaws: it is never a pass, and what was found by a file that is not the one
    /// that was recorded counts for nothing.
    pub fn finish_flawed(mut self, directory: Option<&Path>, flaws: Vec<RecordFlaw>) -> Judgement {
        let turns = self.core.end();
        let never_ended = self.calls.into_never_ended();
        match &mut self.audience {
            Audience::Here(bench) => {
                turns.iter().for_each(|turn| bench.revision(turn, None));
                never_ended.iter().for_each(|call| bench.call(call, None, || None));
            }
            Audience::Apart(groups) => {
                let follows = turns.into_iter().map(Box::new).map(Follow::Revision).chain(never_ended.into_iter().map(Follow::Call));
                groups.show(Batch { events: Arc::default(), follows: follows.map(|follow| (0, follow)).collect() });
            }
        }

        let Core { log, divergence, collectors, faults, complete, audited, .. } = self.core;
        let is_history_whole = flaws.iter().all(|flaw| matches!(flaw, RecordFlaw::FileChanged { .. } | RecordFlaw::FileMissing { .. }));
        let complete = complete && is_history_whole;
        let faults = faults.into_windows();
        let diverged_from = divergence.from();
        let versions = Versions::default();
        let end = End {
            info: &self.info,
            keys: &self.keys,
            directory,
            faults: &faults,
            last_revision: log.unbroken_until(),
            missing_revisions: log.missing(),
            audited,
            diverged: diverged_from.is_some(),
            complete,
            // Each bench has its own.
            versions: &versions,
        };
        let mut others: Vec<Finding> = match self.audience {
            Audience::Here(bench) => bench.finish(&end).into_iter().flatten().collect(),
            Audience::Apart(groups) => groups.end().finish(&end),
        };
        // A divergence is the deeper cause: it is named first, and what has a cause keeps it.
        let causes = [(diverged_from, "divergence"), (log.partial_from(), "a collector that was told a revision in parts,")];
        for (from, what) in causes.into_iter().filter_map(|(from, what)| Some((from?, what))) {
            others.iter_mut().for_each(|finding| blame(finding, from, what));
        }
        blame_invention(&mut others);
        let mut findings = vec![divergence.finish(&log), collectors.finish(&log)];
        findings.append(&mut others);
        for finding in &mut findings {
            name_faults(finding, &end);
            excuse(finding, &faults);
            distrust(finding, &flaws);
        }
        let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Unknown);
        Judgement {
            verdict: if flaws.is_empty() { verdict } else { verdict.max(Verdict::Unknown) },
            findings,
            events: self.events,
            revisions: log.revisions(),
            missing_revisions: log.missing(),
            last_revision: log.unbroken_until(),
            complete,
            flaws,
            faults,
        }
    }
}

/// Marks what was found as a consequence of a cause, unless it showed before that.
fn blame(finding: &mut Finding, from: Revision, what: &str) {
    let later = |group: &&mut AnomalyGroup| group.first.revision.is_none_or(|revision| revision >= from);
    for group in finding.anomalies.iter_mut().filter(later) {
        group.consequence_of.get_or_insert_with(|| format!("{what} at revision {from}"));
    }
}

/// An answer that names a revision that never existed makes every later one look old: what was held against it is marked as
/// its consequence, and it is told first.
fn blame_invention(findings: &mut [Finding]) {
    let is_invention = |group: &&AnomalyGroup| group.kind == BEYOND_WHAT_EXISTS;
    let inventions = findings.iter().flat_map(|finding| &finding.anomalies).filter(is_invention);
    let first =
        inventions.map(|group| &group.first).min_by(|one, other| one.at_seconds.partial_cmp(&other.at_seconds).unwrap_or(Ordering::Equal));
    let Some((Some(since), Some(revision))) = first.map(|first| (first.at_seconds, first.revision)) else { return };
    for finding in findings.iter_mut().filter(|finding| HELD_AGAINST_ANSWERS.contains(&finding.name.as_str())) {
        let later = |group: &&mut AnomalyGroup| group.kind != BEYOND_WHAT_EXISTS && group.first.at_seconds.is_some_and(|at| at >= since);
        for group in finding.anomalies.iter_mut().filter(later) {
            group.consequence_of.get_or_insert_with(|| format!("an answer that named revision {revision}, which never existed"));
        }
        finding.anomalies.sort_by_key(|group| group.kind != BEYOND_WHAT_EXISTS);
    }
    findings.sort_by_key(|finding| !finding.anomalies.iter().any(|group| group.kind == BEYOND_WHAT_EXISTS));
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
    let since = ticketcd_history::seconds(fault.from);
    for group in &mut finding.anomalies {
        if group.first.at_seconds.is_none_or(|at| at >= since) {
            group.consequence_of = Some(format!("{}, beyond what etcd promises to survive", fault.name));
        }
    }
    let excused = finding.anomalies.iter().all(|group| group.consequence_of.is_some());
    if finding.verdict == Verdict::Violation && excused {
        finding.verdict = Verdict::Unknown;
        finding.reason = Some(format!("What was found came after a fault that etcd does not promise to survive: {}.", fault.name));
    }
}

/// What was found by the word of a file that is not the one that was recorded is no evidence: `run.json` says what every check
/// judges by, a member's log only what `logs` does.
fn distrust(finding: &mut Finding, flaws: &[RecordFlaw]) {
    let concerns = |name: &&str| *name == RUN_INFO || finding.name == LOGS;
    let changed = flaws.iter().find_map(|flaw| match flaw {
        RecordFlaw::FileChanged { name } => Some(name.as_str()).filter(concerns),
        _ => None,
    });
    let Some(changed) = changed else { return };
    for group in &mut finding.anomalies {
        group.consequence_of.get_or_insert_with(|| format!("{changed}, which was changed after the run"));
    }
    finding.verdict = Verdict::Unknown;
    finding.reason = Some(format!("{changed} was changed after the run, so that nothing found by it is evidence."));
}

#[cfg(test)]
mod tests;
