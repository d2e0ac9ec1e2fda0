//! The highest revision that any client had received, over time.

use std::collections::VecDeque;

use ticketcd_history::{Nanos, Revision};

/// Steps that are kept: older ones are needed only if the record is out of order by that much.
const KEPT: usize = 1 << 16;

/// The highest revision of any response, over time.
#[derive(Debug, Default)]
pub(super) struct RevisionFrontier {
    /// Each revision with the time at which it was received: both increase.
    steps: VecDeque<(Nanos, Revision)>,
}

impl RevisionFrontier {
    /// A response carried the revision.
    pub(super) fn advance(&mut self, at: Nanos, revision: Revision) {
        if revision <= self.highest() {
            return;
        }
        let at = self.steps.back().map_or(at, |(last, _)| at.max(*last));
        self.steps.push_back((at, revision));
        if self.steps.len() > KEPT {
            self.steps.pop_front();
        }
    }

    /// The highest so far.
    pub(super) fn highest(&self) -> Revision {
        self.steps.back().map_or(0, |(_, revision)| *revision)
    }

    /// The highest that had been received before a time; 0 if that is no longer known.
    pub(super) fn before(&self, at: Nanos) -> Revision {
        let count = self.steps.partition_point(|(received, _)| *received < at);
        count.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |(_, revision)| *revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_later_was_not_received_before() {
        let mut frontier = RevisionFrontier::default();
        // Responses are recorded out of order.
        for (at, revision) in [(10, 3), (30, 7), (20, 5), (40, 8), (25, 9)] {
            frontier.advance(at, revision);
        }
        assert_eq!([10, 11, 30, 31, 40, 41].map(|at| frontier.before(at)), [0, 3, 3, 7, 7, 9]);
        assert_eq!(frontier.highest(), 9);
    }
}
