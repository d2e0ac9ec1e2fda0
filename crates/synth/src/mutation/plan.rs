//! When a run is mutated.

use super::Mutation;

/// The mutation of one run, and how far it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MutationPlan {
    pub(crate) mutation: Option<Mutation>,
    /// Whether it may happen from now on: in the second half of the operations.
    pub(crate) is_due: bool,
    /// Whether a request that carries it is in flight.
    pub(crate) is_in_flight: bool,
    pub(crate) is_done: bool,
}

impl MutationPlan {
    pub(crate) fn new(mutation: Option<Mutation>) -> Self {
        Self { mutation, is_due: false, is_in_flight: false, is_done: false }
    }

    /// Whether a mutation happens at the next occasion.
    pub(crate) fn allows(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation) && self.is_due && !self.is_done && !self.is_in_flight
    }

    /// The one of several mutations that happens at the next occasion.
    pub(crate) fn first_allowed(&self, mutations: &[Mutation]) -> Option<Mutation> {
        mutations.iter().copied().find(|mutation| self.allows(*mutation))
    }

    /// It happened.
    pub(crate) fn done(&mut self) {
        (self.is_done, self.is_in_flight) = (true, false);
    }

    /// Whether the run must continue until it has happened.
    pub(crate) fn is_pending(&self) -> bool {
        self.mutation.is_some_and(|mutation| !mutation.is_at_start_or_end()) && !self.is_done
    }
}
