//! What is to be planted, and how far that is.

use super::Plant;

/// The plan of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) plant: Option<Plant>,
    /// Whether it is time: in the second half of the operations.
    pub(super) is_due: bool,
    /// Whether something that plants it is on its way.
    pub(super) is_under_way: bool,
    pub(super) is_planted: bool,
}

impl Plan {
    pub(super) fn new(plant: Option<Plant>) -> Self {
        Self { plant, is_due: false, is_under_way: false, is_planted: false }
    }

    /// Whether a kind shall be planted at the next occasion.
    pub(super) fn wants(&self, plant: Plant) -> bool {
        self.plant == Some(plant) && self.is_due && !self.is_planted && !self.is_under_way
    }

    /// Of several kinds the one that shall be planted at the next occasion.
    pub(super) fn wanted(&self, plants: &[Plant]) -> Option<Plant> {
        plants.iter().copied().find(|plant| self.wants(*plant))
    }

    /// It is planted.
    pub(super) fn done(&mut self) {
        (self.is_planted, self.is_under_way) = (true, false);
    }

    /// Whether the run must go on until it is planted.
    pub(super) fn waits(&self) -> bool {
        self.plant.is_some_and(|plant| !plant.is_planted_at_an_end()) && !self.is_planted
    }
}
