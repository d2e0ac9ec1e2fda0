//! Checks that sit together: on one thread, with one key space between them.

use super::follower::Turn;
use crate::core::calls::invoke_of;
use crate::core::check::{End, Observation, ObservationKind};
use crate::core::panic_guard::Guarded;
use crate::core::pending_answers::Replayed;
use crate::core::shared_event::SharedEvent;
use crate::core::verdict::Finding;
use ticketcd_history::call::Return;
use ticketcd_history::event::Event;

/// Checks that sit together. The key space is replayed for them when one of them asks for it.
#[derive(Debug)]
pub(super) struct Bench {
    seats: Seats,
    replayed: Replayed,
    replays: bool,
}

/// Checks, and who of them wants what.
#[derive(Debug)]
struct Seats {
    checks: Vec<Guarded>,
    /// The places of the checks that want a kind of observation, by kind.
    wanted_by: [Vec<usize>; 5],
}

impl Bench {
    pub(super) fn new(checks: Vec<Guarded>) -> Self {
        let replays = checks.iter().any(Guarded::replays);
        let kinds =
            [ObservationKind::Traffic, ObservationKind::Event, ObservationKind::Call, ObservationKind::Revision, ObservationKind::Replayed];
        let wanted_by = kinds.map(|kind| (0..).zip(&checks).filter(|(_, check)| check.wants(kind)).map(|(place, _)| place).collect());
        Self { seats: Seats { checks, wanted_by }, replayed: Replayed::default(), replays }
    }

    /// Shows an event.
    pub(super) fn event(&mut self, event: &Event) {
        self.seats.show(&Observation::Event(event));
    }

    /// Shows a call, once when it ends and once more when the log has reached the revision its answer names. `share` gives
    /// the return to keep until then.
    pub(super) fn call(&mut self, call: &SharedEvent, returned: Option<&Return>, share: impl FnOnce() -> Option<SharedEvent>) {
        let Some(invoke) = invoke_of(call) else { return };
        self.seats.show(&Observation::Call(invoke, returned));
        if let (Some(returned), true) = (returned, self.replays)
            && let Some(replayed) = self.replayed.add(invoke, returned, || Some((call.clone(), share()?)))
        {
            self.seats.show(&Observation::Replayed(&replayed));
        }
    }

    /// Shows a revision whose turn has come. `cause` is the event that brought the turn about.
    pub(super) fn revision(&mut self, turn: &Turn, cause: Option<&Event>) {
        if self.replays {
            self.replayed.apply(turn.revision(), turn.events(cause), turn.missing_before());
        }
        let sequenced = turn.sequenced(cause, self.replayed.versions());
        self.seats.show(&Observation::Revision(&sequenced));
        if self.replays {
            self.show_replayed();
        }
    }

    /// What is wrong so far, in a sentence.
    pub(super) fn alarm(&self) -> Option<String> {
        self.seats.checks.iter().find_map(Guarded::alarm)
    }

    /// Everything was shown: a finding of each check, in their order; none of a check that the run never called upon.
    pub(super) fn finish(self, end: &End<'_>) -> Vec<Option<Finding>> {
        let end = End { versions: self.replayed.versions(), ..*end };
        self.seats.checks.into_iter().map(|check| check.applies().then(|| check.finish(&end))).collect()
    }

    fn show_replayed(&mut self) {
        loop {
            let ready = self.replayed.ready();
            if ready.is_empty() {
                return;
            }
            for replayed in ready.iter().filter_map(|call| call.replayed(self.replayed.versions())) {
                self.seats.show(&Observation::Replayed(&replayed));
            }
        }
    }
}

impl Seats {
    fn show(&mut self, observation: &Observation<'_>) {
        for &place in &self.wanted_by[observation.kind() as usize] {
            if let Some(check) = self.checks.get_mut(place) {
                check.observe(observation);
            }
        }
    }
}
