//! The judge: processes the events of a run one by one, live or from the files, and passes every check what it needs.

mod check_group;
mod consequences;
mod derived;
mod follower;
mod groups;

use std::path::Path;
use std::sync::Arc;

use self::check_group::CheckGroup;
use self::consequences::Consequences;
use self::derived::Derived;
use self::follower::Follower;
use self::groups::{Batch, Groups};
use crate::core::calls::OpenCalls;
use crate::core::check::{Check, CheckInfo, End, FaultWindow};
use crate::core::key_space::Versions;
use crate::core::panic_guard::PanicGuard;
use crate::core::shared_event::SharedEvent;
use crate::core::verdict::{Finding, Verdict};
use ticketcd_history::Revision;
use ticketcd_history::event::Event;
use ticketcd_history::integrity::RecordFlaw;
use ticketcd_history::run_info::RunInfo;

/// Judges one run.
#[derive(Debug)]
pub struct Judge {
    info: RunInfo,
    checks: Vec<&'static CheckInfo>,
    dispatch: Dispatch,
    calls: OpenCalls,
    follower: Follower,
    /// What the current event implies; empty between two events.
    derived: Vec<Derived>,
    events: u64,
}

/// Where the checks run.
#[derive(Debug)]
enum Dispatch {
    /// On this thread, immediately: their findings are available at any time.
    Here(Box<CheckGroup>),
    /// On separate threads, with a delay.
    Apart(Groups),
}

/// The result of judging a run.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// One finding for each check, the root causes first.
    pub findings: Vec<Finding>,
    /// A violation dominates unknown, unknown dominates pass. Without any finding: unknown.
    pub verdict: Verdict,
    /// Events processed.
    pub events: u64,
    /// Revisions replayed.
    pub revisions: u64,
    /// Revisions that no collector delivered.
    pub missing_revisions: u64,
    /// The last revision before which none is missing; 0 if there is none.
    pub last_revision: Revision,
    /// Whether the record has its last event.
    pub complete: bool,
    /// Flaws of the record's files; empty if it was judged live.
    pub flaws: Vec<RecordFlaw>,
    /// The faults, with when they were in force.
    pub faults: Vec<FaultWindow>,
}

impl Judge {
    /// A judge of a run that runs these checks on this thread.
    pub fn new(info: &RunInfo, checks: Vec<Box<dyn Check>>) -> Self {
        Self::with(info, checks, |checks| Dispatch::Here(Box::new(CheckGroup::new(checks))))
    }

    /// A judge that runs its checks on separate threads: faster, with the same verdicts. It cannot report a violation before
    /// the end.
    pub fn in_parallel(info: &RunInfo, checks: Vec<Box<dyn Check>>) -> Self {
        Self::with(info, checks, |checks| Dispatch::Apart(Groups::new(checks)))
    }

    fn with(info: &RunInfo, checks: Vec<Box<dyn Check>>, dispatch: impl FnOnce(Vec<PanicGuard>) -> Dispatch) -> Self {
        let checks: Vec<PanicGuard> = checks.into_iter().map(PanicGuard::new).collect();
        let view = checks.iter().find_map(|check| check.info().view).map(|make| make(info));
        Self {
            info: info.clone(),
            checks: checks.iter().map(PanicGuard::info).collect(),
            dispatch: dispatch(checks),
            calls: OpenCalls::default(),
            follower: Follower::new(view),
            derived: Vec::new(),
            events: 0,
        }
    }

    /// Processes the next event of the record.
    pub fn observe(&mut self, event: &Event) {
        match self.dispatch {
            Dispatch::Here(_) => self.show_here(event, || Some(SharedEvent::copy(event))),
            Dispatch::Apart(_) => self.take(&Arc::new(vec![event.clone()])),
        }
    }

    /// Processes the next events of the record. They are shared with the checks that keep them.
    pub fn take(&mut self, events: &Arc<Vec<Event>>) {
        let Dispatch::Apart(groups) = &self.dispatch else {
            for (place, event) in events.iter().enumerate() {
                self.show_here(event, || SharedEvent::new(events, place));
            }
            return;
        };
        self.events += events.len() as u64;
        // About half of all events are returns of calls.
        let mut derived = Vec::with_capacity(events.len() / 2);
        for (place, event) in events.iter().enumerate() {
            match event {
                Event::Invoke(invoke) => {
                    self.calls.extend(SharedEvent::new(events, place).map(|event| (invoke.id, event)));
                }
                Event::Return(returned) => {
                    if let Some(call) = self.calls.end(returned) {
                        self.follower.note_revision(returned);
                        derived.push((place, Derived::Call(call)));
                    }
                }
                event => {
                    self.follower.follow(event, &mut self.derived);
                    derived.extend(self.derived.drain(..).map(|derived| (place, derived)));
                }
            }
        }
        groups.show(Batch { events: Arc::clone(events), derived });
    }

    /// Passes an event, and what it implies, to the checks on this thread.
    fn show_here(&mut self, event: &Event, share: impl Fn() -> Option<SharedEvent>) {
        let Dispatch::Here(group) = &mut self.dispatch else { return };
        self.events += 1;
        group.event(event);
        match event {
            Event::Invoke(invoke) => self.calls.extend(share().map(|event| (invoke.id, event))),
            Event::Return(returned) => {
                if let Some(call) = self.calls.end(returned) {
                    self.follower.note_revision(returned);
                    group.call(&call, Some(returned), share);
                }
            }
            event => {
                self.follower.follow(event, &mut self.derived);
                self.derived.drain(..).for_each(|derived| group.derived(&derived, Some(event), || None));
            }
        }
    }

    /// The first violation so far, in a sentence after the name of its check: polled during the load.
    pub fn violation(&self) -> Option<String> {
        match &self.dispatch {
            Dispatch::Here(group) => group.alarm(),
            Dispatch::Apart(_) => None,
        }
    }

    /// Gives the verdict on a record whose files are intact. Checks of the members' logs read them from the run directory, if
    /// there is one.
    pub fn finish(self, directory: Option<&Path>) -> Judgement {
        self.finish_flawed(directory, Vec::new())
    }

    /// Gives the verdict on a record with these flaws: it is never a pass, and findings based on a file that was changed are
    /// not evidence.
    pub fn finish_flawed(mut self, directory: Option<&Path>, flaws: Vec<RecordFlaw>) -> Judgement {
        let derived = self.follower.end();
        let derived = derived.into_iter().chain(self.calls.into_never_ended().into_iter().map(Derived::Call));
        match &mut self.dispatch {
            Dispatch::Here(group) => derived.for_each(|derived| group.derived(&derived, None, || None)),
            Dispatch::Apart(groups) => {
                groups.show(Batch { events: Arc::default(), derived: derived.map(|derived| (0, derived)).collect() });
            }
        }

        let Follower { log, faults, complete, audited, .. } = self.follower;
        let is_history_whole = flaws.iter().all(|flaw| matches!(flaw, RecordFlaw::FileChanged { .. } | RecordFlaw::FileMissing { .. }));
        let complete = complete && is_history_whole;
        let faults = faults.into_windows();
        let log = log.summary();
        // Each group of checks has its own key space.
        let versions = Versions::default();
        let end = End { info: &self.info, directory, faults: &faults, log: &log, audited, complete, versions: &versions };
        let mut findings: Vec<Finding> = match self.dispatch {
            Dispatch::Here(group) => group.finish(&end).into_iter().flatten().collect(),
            Dispatch::Apart(groups) => groups.end().finish(&end),
        };
        Consequences { checks: &self.checks, end: &end, flaws: &flaws }.mark(&mut findings);
        let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Unknown);
        Judgement {
            verdict: if flaws.is_empty() { verdict } else { verdict.max(Verdict::Unknown) },
            findings,
            events: self.events,
            revisions: log.revisions,
            missing_revisions: log.missing,
            last_revision: log.unbroken_until,
            complete,
            flaws,
            faults,
        }
    }
}

#[cfg(test)]
mod tests;
