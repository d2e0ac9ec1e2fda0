//! What is known of one order, small enough for ten million of them.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};

use super::replica_set::ReplicaSet;
use crate::shop::model::records::Purchase;
use ticketcd_history::annotation::OrderOutcome;
use ticketcd_history::{Blob, Nanos, Revision};

/// What the buyer was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Acknowledgement {
    /// The record has no such order: only its id was seen in the data.
    #[default]
    Unplaced,
    /// Placed, and the record does not say how it ended: anything may have happened.
    Open,
    /// Bought.
    Sold,
    /// Not bought: sold out, rejected, or given up after conflicts.
    Refused,
    /// It may or may not have happened.
    Unknown,
}

impl Acknowledgement {
    pub(super) fn of(outcome: &OrderOutcome) -> Self {
        match outcome {
            OrderOutcome::Sold { .. } => Self::Sold,
            OrderOutcome::SoldOut | OrderOutcome::Rejected { .. } | OrderOutcome::Conflict => Self::Refused,
            OrderOutcome::Unknown => Self::Unknown,
        }
    }
}

/// What is known of one order: 56 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    /// When it was placed, then when it was closed, or when its id was first seen.
    pub(super) at: Nanos,
    /// [`content`] of what was wanted; 0 while it is not placed.
    pub(super) content: u64,
    /// The revision its buyer was told; 0 for none.
    pub(super) acknowledged_revision: Revision,
    /// The revision that first had it, in the log; 0 for none.
    pub(super) log_revision: Revision,
    /// Its key: see [`Names`].
    pub(super) user: u32,
    pub(super) event: u32,
    /// The members that had it when they were audited.
    pub(super) replicas: ReplicaSet,
    pub(super) acknowledgement: Acknowledgement,
    /// Whether it is in the log's present state.
    pub(super) in_log: bool,
    /// Whether it is a cancellation, which gives back instead of buying.
    pub(super) is_cancel: bool,
}

/// The fingerprint of what was ordered, whatever the order of the lines; never 0.
pub(super) fn content<'lines>(lines: impl Iterator<Item = (&'lines [u8], i64)>) -> u64 {
    // A sum of well-mixed hashes does not depend on the order; two equal lines do not cancel out.
    let fingerprint = |(kind, quantity): (&[u8], i64)| {
        let mut hasher = FxHasher::default();
        hasher.write(kind);
        hasher.write_i64(quantity);
        hasher.finish()
    };
    lines.map(fingerprint).fold(0u64, u64::wrapping_add).max(1)
}

/// The fingerprint of what an entry says was bought or, when it is a cancellation, given back.
pub(super) fn content_of(purchase: &Purchase) -> u64 {
    content(purchase.tickets.iter().map(|line| (line.kind.as_bytes(), line.quantity)))
}

/// The fingerprint of the order that the entry of a cancellation takes back entirely.
pub(super) fn content_taken_back_by(purchase: &Purchase) -> u64 {
    content(purchase.tickets.iter().map(|line| (line.kind.as_bytes(), line.quantity.saturating_neg())))
}

/// Names by number: a number in each order takes less room than a name.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: FxHashMap<Blob, u32>,
    names: Vec<Blob>,
}

impl Names {
    /// The number of a name.
    pub(super) fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name = Blob::from(name);
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u32) -> String {
        usize::try_from(number).ok().and_then(|number| self.names.get(number)).map_or_else(String::new, Blob::to_text)
    }
}
