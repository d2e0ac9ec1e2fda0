//! The revision that responses have named so far.

use ticketcd_history::{Nanos, Revision};

/// The highest revision that was named, and the one before the moment at which it rose last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acknowledged {
    at: Nanos,
    before: Revision,
    revision: Revision,
}

impl Acknowledged {
    /// A response names a revision.
    pub(super) fn raise(&mut self, now: Nanos, revision: Revision) {
        if revision > self.revision {
            if now > self.at {
                (self.at, self.before) = (now, self.revision);
            }
            self.revision = revision;
        }
    }

    /// What had been named before this moment: what arrives at the same moment is neither before nor after.
    pub(super) fn until(&self, now: Nanos) -> Revision {
        if now > self.at { self.revision } else { self.before }
    }
}
