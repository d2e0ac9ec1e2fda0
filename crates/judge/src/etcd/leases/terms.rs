//! The raft terms in a record: whether the leader may have changed between two times.

use ticketcd_history::Nanos;

/// The raft terms that were seen. A term has one leader at most.
#[derive(Debug, Default)]
pub(super) struct Terms {
    newest: u64,
    last_seen: Nanos,
    /// The interval in which the term increased.
    changes: Vec<(Nanos, Nanos)>,
}

impl Terms {
    pub(super) fn seen(&mut self, term: u64, at: Nanos) {
        if term > self.newest {
            if self.newest > 0 {
                self.changes.push((self.last_seen, at));
            }
            self.newest = term;
        }
        if term == self.newest {
            self.last_seen = self.last_seen.max(at);
        }
    }

    /// Whether the leader may have changed in an interval, as far as is known.
    pub(super) fn may_change_within(&self, from: Nanos, until: Nanos) -> bool {
        self.last_seen < until || self.changes.iter().any(|(last_of_old, first_of_new)| *last_of_old <= until && *first_of_new >= from)
    }
}
