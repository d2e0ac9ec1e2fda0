//! Checks on one thread, which share one key space.

use super::derived::{Derived, LogEntry};
use crate::core::calls::invoke_of;
use crate::core::check::{End, Observation, ObservationKind};
use crate::core::panic_guard::PanicGuard;
use crate::core::pending_answers::Replayed;
use crate::core::shared_event::SharedEvent;
use crate::core::verdict::Finding;
use ticketcd_history::call::Return;
use ticketcd_history::event::Event;

/// Checks on one thread. The key space is replayed for them if one of them uses it.
#[derive(Debug)]
pub(super) struct CheckGroup {
    members: Members,
    replayed: Replayed,
    replays: bool,
}

/// The checks, and which observations each of them uses.
#[derive(Debug)]
struct Members {
    checks: Vec<PanicGuard>,
    /// The indexes of the checks that use a kind of observation, by kind.
    observed_by: [Vec<usize>; 6],
}

impl CheckGroup {
    pub(super) fn new(checks: Vec<PanicGuard>) -> Self {
        let replays = checks.iter().any(PanicGuard::replays);
        let kinds = [
            ObservationKind::Traffic,
            ObservationKind::Event,
            ObservationKind::Call,
            ObservationKind::Revision,
            ObservationKind::Replayed,
            ObservationKind::Delivery,
        ];
        let observed_by = kinds.map(|kind| (0..).zip(&checks).filter(|(_, check)| check.observes(kind)).map(|(place, _)| place).collect());
        Self { members: Members { checks, observed_by }, replayed: Replayed::default(), replays }
    }

    /// Passes on an event.
    pub(super) fn event(&mut self, event: &Event) {
        self.members.show(&Observation::Event(event));
    }

    /// Passes on what an event, or the end of the record, implies. `share` returns the event, to keep it.
    pub(super) fn derived(&mut self, derived: &Derived, cause: Option<&Event>, share: impl FnOnce() -> Option<SharedEvent>) {
        match (derived, cause) {
            (Derived::Call(call), Some(Event::Return(returned))) => self.call(call, Some(returned), share),
            (Derived::Call(call), _) => self.call(call, None, || None),
            (Derived::Revision(entry), cause) => self.revision(entry, cause),
            (Derived::Irregularity(irregularity), _) => self.members.show(&Observation::Irregularity(irregularity)),
            (Derived::Disagreement(disagreement), _) => self.members.show(&Observation::Disagreement(disagreement)),
        }
    }

    /// Passes on a call, once when it ends and once more when the log has reached the revision of its response. `share`
    /// returns the return event, to keep it until then.
    pub(super) fn call(&mut self, call: &SharedEvent, returned: Option<&Return>, share: impl FnOnce() -> Option<SharedEvent>) {
        let Some(invoke) = invoke_of(call) else { return };
        self.members.show(&Observation::Call(invoke, returned));
        if let (Some(returned), true) = (returned, self.replays)
            && let Some(replayed) = self.replayed.add(invoke, returned, || Some((call.clone(), share()?)))
        {
            self.members.show(&Observation::Replayed(&replayed));
        }
    }

    /// Passes on the next revision of the log. `cause` is the event that implies it.
    fn revision(&mut self, entry: &LogEntry, cause: Option<&Event>) {
        if self.replays {
            self.replayed.apply(entry.revision, entry.events(cause), entry.missing_before);
        }
        let sequenced = entry.sequenced(cause, self.replayed.versions());
        self.members.show(&Observation::Revision(&sequenced));
        if self.replays {
            self.show_replayed();
        }
    }

    /// What is wrong so far, in a sentence.
    pub(super) fn alarm(&self) -> Option<String> {
        self.members.checks.iter().find_map(PanicGuard::alarm)
    }

    /// The record has ended: a finding of each check, in their order; none for a check that does not apply.
    pub(super) fn finish(self, end: &End<'_>) -> Vec<Option<Finding>> {
        let end = End { versions: self.replayed.versions(), ..*end };
        self.members.checks.into_iter().map(|check| check.applies().then(|| check.finish(&end))).collect()
    }

    fn show_replayed(&mut self) {
        loop {
            let ready = self.replayed.ready();
            if ready.is_empty() {
                return;
            }
            for replayed in ready.iter().filter_map(|call| call.replayed(self.replayed.versions())) {
                self.members.show(&Observation::Replayed(&replayed));
            }
        }
    }
}

impl Members {
    fn show(&mut self, observation: &Observation<'_>) {
        for &place in &self.observed_by[observation.kind() as usize] {
            if let Some(check) = self.checks.get_mut(place) {
                check.observe(observation);
            }
        }
    }
}
