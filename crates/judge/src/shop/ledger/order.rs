//! The state of one order, small enough for ten million of them.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};

use super::replica_set::ReplicaSet;
use crate::shop::model::records::Purchase;
use ticketcd_history::annotation::OrderOutcome;
use ticketcd_history::{Blob, Nanos, Revision};

/// The outcome that the buyer received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Acknowledgement {
    /// The record has no such order: only its id was found in the data.
    #[default]
    Unplaced,
    /// Placed, and its outcome is not recorded: it may or may not have been applied.
    Open,
    /// Bought.
    Sold,
    /// Not bought: sold out, rejected, or given up after conflicts.
    Refused,
    /// It may or may not have been applied.
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

/// The state of one order: 56 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    /// When it was placed, then when it was closed, or when its id was first seen.
    pub(super) at: Nanos,
    /// [`content`] of what was ordered; 0 while it is not placed.
    pub(super) content: u64,
    /// The acknowledged revision; 0 for none.
    pub(super) acknowledged_revision: Revision,
    /// The revision that wrote it first, in the log; 0 for none.
    pub(super) log_revision: Revision,
    /// Its key: see [`Names`].
    pub(super) user: u32,
    pub(super) event: u32,
    /// The members that had it when they were audited.
    pub(super) replicas: ReplicaSet,
    pub(super) acknowledgement: Acknowledgement,
    /// Whether it exists at the current revision of the log.
    pub(super) in_log: bool,
    /// Whether it is a cancellation.
    pub(super) is_cancel: bool,
}

/// An order-independent fingerprint of the ordered lines; never 0.
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

/// The fingerprint of what an entry buys or, if it is a cancellation, returns.
pub(super) fn content_of(purchase: &Purchase) -> u64 {
    content(purchase.tickets.iter().map(|line| (line.kind.as_bytes(), line.quantity)))
}

/// The fingerprint of the order that the entry of a cancellation cancels entirely.
pub(super) fn content_taken_back_by(purchase: &Purchase) -> u64 {
    content(purchase.tickets.iter().map(|line| (line.kind.as_bytes(), line.quantity.saturating_neg())))
}

/// Interned names: a number in each order takes less memory than a name.
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
