//! What anybody had been told, and when.

use std::collections::VecDeque;

use ticketcd_history::{Nanos, Revision};

/// The entries that are kept: what was told longer ago is only asked for when clocks and record disagree by that much.
const KEPT: usize = 1 << 16;

/// The highest revision that any answer named, over time.
#[derive(Debug, Default)]
pub(super) struct RevisionFrontier {
    /// Each with the moment from which on it had been told: both rise.
    steps: VecDeque<(Nanos, Revision)>,
}

impl RevisionFrontier {
    /// An answer named the revision.
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

    /// The highest that had been told before a moment; 0 when that is not known any more.
    pub(super) fn before(&self, at: Nanos) -> Revision {
        let count = self.steps.partition_point(|(told, _)| *told < at);
        count.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |(_, revision)| *revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_later_was_not_told_before() {
        let mut told = RevisionFrontier::default();
        // The answer with revision 4 came first, although it is recorded last.
        for (at, revision) in [(10, 3), (30, 7), (20, 5), (40, 8), (25, 9)] {
            told.advance(at, revision);
        }
        assert_eq!([10, 11, 30, 31, 40, 41].map(|at| told.before(at)), [0, 3, 3, 7, 7, 9]);
        assert_eq!(told.highest(), 9);
    }
}
