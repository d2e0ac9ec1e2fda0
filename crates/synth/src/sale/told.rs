//! What was told to whom, and since when.

use ticketcd_judge::model::{Nanos, Revision};

/// The highest revision that was told, and what that was before the moment at which it rose last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    at: Nanos,
    before: Revision,
    revision: Revision,
}

impl Told {
    pub(super) fn tell(&mut self, now: Nanos, revision: Revision) {
        if revision > self.revision {
            if now > self.at {
                (self.at, self.before) = (now, self.revision);
            }
            self.revision = revision;
        }
    }

    /// What had been told before this moment: whoever was told at the same moment was told neither before nor after.
    pub(super) fn until(&self, now: Nanos) -> Revision {
        if now > self.at { self.revision } else { self.before }
    }
}
