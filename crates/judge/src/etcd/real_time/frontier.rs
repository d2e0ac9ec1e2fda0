//! Marks that increase in time and in revision: the only ones that matter of operations that arrive nearly in order.

use super::Mark;
use ticketcd_history::{Nanos, Revision};

/// Marks in the order of time, each with a higher step than the ones before it. There are never more than revisions.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    marks: Vec<Mark>,
}

impl Frontier {
    /// Adds a mark, unless one that is as early has as high a step. Removes later ones that are not higher.
    pub(super) fn add_earliest(&mut self, mark: Mark, step: fn(&Mark) -> Revision) {
        let place = self.place_after(mark.at);
        if place.checked_sub(1).and_then(|last| self.marks.get(last)).is_some_and(|before| step(before) >= step(&mark)) {
            return;
        }
        let useless = self.marks.iter().skip(place).take_while(|later| step(later) <= step(&mark)).count();
        self.marks.splice(place..place + useless, [mark]);
    }

    /// Adds a mark, unless one that is as late has as low a step. Removes earlier ones that are not lower.
    pub(super) fn add_latest(&mut self, mark: Mark, step: fn(&Mark) -> Revision) {
        let place = self.place_after(mark.at);
        if self.marks.get(place).is_some_and(|later| step(later) <= step(&mark)) {
            return;
        }
        let useless = self.marks.iter().take(place).rev().take_while(|before| step(before) >= step(&mark)).count();
        self.marks.splice(place - useless..place, [mark]);
    }

    /// The last and highest mark.
    pub(super) fn last(&self) -> Option<&Mark> {
        self.marks.last()
    }

    /// The highest mark before a time.
    pub(super) fn highest_before(&self, at: Nanos) -> Option<Mark> {
        let place = at.checked_sub(1).map_or(0, |before| self.place_after(before));
        self.marks.get(place.checked_sub(1)?).copied()
    }

    /// Removes the marks after a time whose step is below a revision.
    pub(super) fn take_lower_after(&mut self, at: Nanos, below: Revision, step: fn(&Mark) -> Revision) -> Vec<Mark> {
        let place = self.place_after(at);
        let lower = self.marks.iter().skip(place).take_while(|mark| step(mark) < below).count();
        self.marks.splice(place..place + lower, []).collect()
    }

    /// The index after the marks up to and at a time. It is nearly always one of the last.
    fn place_after(&self, at: Nanos) -> usize {
        const NEAR: usize = 32;
        let near = self.marks.len().saturating_sub(NEAR);
        let (early, late) = self.marks.split_at(near);
        if early.last().is_some_and(|last| last.at > at) {
            early.partition_point(|mark| mark.at <= at)
        } else {
            near + late.partition_point(|mark| mark.at <= at)
        }
    }
}
