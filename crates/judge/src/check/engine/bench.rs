//! Checks that sit together: on one thread, with one key space between them.

use std::sync::Arc;

use super::super::calls::invoke_of;
use super::super::guarded::Guarded;
use super::super::replayed::{Replayed, ReplayedCall};
use super::super::verdict::Finding;
use super::super::{End, Observation};
use super::core::Turn;
use crate::history::call::Return;
use crate::history::event::Event;

/// Checks that sit together. The key space is replayed for them when one of them asks for it.
#[derive(Debug)]
pub(super) struct Bench {
    checks: Vec<Guarded>,
    replayed: Replayed,
    replays: bool,
}

impl Bench {
    pub(super) fn new(checks: Vec<Guarded>) -> Self {
        let replays = checks.iter().any(Guarded::replays);
        Self { checks, replayed: Replayed::default(), replays }
    }

    /// Shows an event.
    pub(super) fn event(&mut self, event: &Event) {
        show(&mut self.checks, &Observation::Event(event));
    }

    /// Shows a call, once when it ends and once more when the log has reached the revision its answer names.
    pub(super) fn call(&mut self, call: &Arc<Event>, returned: Option<&Return>) {
        let Some(invoke) = invoke_of(call) else { return };
        show(&mut self.checks, &Observation::Call(invoke, returned));
        if let (Some(returned), true) = (returned, self.replays) {
            self.replayed.add(call, invoke, returned);
            self.show_replayed();
        }
    }

    /// Shows a revision whose turn has come. `cause` is the event that brought the turn about.
    pub(super) fn revision(&mut self, turn: &Turn, cause: Option<&Event>) {
        if self.replays {
            self.replayed.apply(turn.revision(), turn.events(cause), turn.missing_before());
        }
        let sequenced = turn.sequenced(cause, self.replayed.versions());
        show(&mut self.checks, &Observation::Revision(&sequenced));
        if self.replays {
            self.show_replayed();
        }
    }

    /// What is wrong so far, in a sentence.
    pub(super) fn alarm(&self) -> Option<String> {
        self.checks.iter().find_map(Guarded::alarm)
    }

    /// Everything was shown: a finding of each check, in their order; none of a check that the run never called upon.
    pub(super) fn finish(self, end: &End<'_>) -> Vec<Option<Finding>> {
        let end = End { versions: self.replayed.versions(), ..*end };
        self.checks.into_iter().map(|check| check.applies().then(|| check.finish(&end))).collect()
    }

    fn show_replayed(&mut self) {
        loop {
            let ready = self.replayed.ready();
            if ready.is_empty() {
                return;
            }
            for (call, returned) in &ready {
                let replayed = invoke_of(call).and_then(|invoke| ReplayedCall::new(invoke, returned, self.replayed.versions()));
                if let Some(replayed) = &replayed {
                    show(&mut self.checks, &Observation::Replayed(replayed));
                }
            }
        }
    }
}

fn show(checks: &mut [Guarded], observation: &Observation<'_>) {
    for check in checks {
        check.observe(observation);
    }
}
