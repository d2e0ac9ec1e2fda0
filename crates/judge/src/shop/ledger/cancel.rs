//! Cancellations: which order each of them cancels, and whether that order existed.

use rustc_hash::FxHashMap;

use super::order::content_taken_back_by;
use super::{CANCELLED_TWICE, CANCELLED_UNBOUGHT, Ledger, Occurrence};
use crate::shop::model::records::Purchase;
use ticketcd_history::{OrderId, OrderKey, Revision};

/// The known cancellations. They are few: other orders take no memory here.
#[derive(Debug, Default)]
pub(super) struct Cancellations {
    /// The order that each cancellation of the run is for.
    placed: FxHashMap<OrderKey, OrderKey>,
    /// The first cancellation in the data of each order.
    cancelled_by: FxHashMap<OrderKey, OrderKey>,
}

impl Cancellations {
    /// A buyer requests to cancel an order.
    pub(super) fn placed(&mut self, cancel: OrderKey, cancels: OrderKey) {
        self.placed.insert(cancel, cancels);
    }
}

impl Ledger {
    /// The order of this run that an entry cancels.
    fn cancelled_by(&self, purchase: &Purchase) -> Option<OrderKey> {
        let id: OrderId = purchase.cancels.as_deref()?.parse().ok()?;
        (id.run == self.run_tag).then_some(id.key)
    }

    /// Whether the entry of an order names the order that its buyer cancelled, or none if it is not a cancellation, and
    /// returns what that one bought.
    pub(super) fn cancels_what_it_should(&self, key: OrderKey, purchase: &Purchase) -> bool {
        let Some(requested) = self.cancellations.placed.get(&key) else { return purchase.cancels.is_none() };
        let bought = self.orders.get(requested).map_or(0, |order| order.content);
        self.cancelled_by(purchase) == Some(*requested) && (bought == 0 || bought == content_taken_back_by(purchase))
    }

    /// Processes an entry: if it is a cancellation, no other may have cancelled the same order.
    pub(super) fn follow_cancel(&mut self, revision: Revision, key: OrderKey, occurrence: &Occurrence<'_>) {
        let Some(cancelled) = self.cancelled_by(occurrence.purchase) else { return };
        let first = *self.cancellations.cancelled_by.entry(cancelled).or_insert(key);
        if first != key {
            let (cancelled, first) = (self.order_id(cancelled), self.order_id(first));
            let explanation = format!("at revision {revision} it cancels order {cancelled}, which {first} had already cancelled");
            self.report(&CANCELLED_TWICE, key, occurrence, Some(revision), explanation);
        }
    }

    /// A revision wrote an entry: if it is a cancellation, the order must have existed before it.
    pub(super) fn expect_cancelled(&mut self, revision: Revision, key: OrderKey, occurrence: &Occurrence<'_>) {
        let Some(cancelled) = self.cancelled_by(occurrence.purchase) else { return };
        let is_there = self.orders.get(&cancelled).is_some_and(|order| order.in_log);
        if !is_there {
            let explanation = format!("at revision {revision} it cancels order {}, which does not exist", self.order_id(cancelled));
            self.report(&CANCELLED_UNBOUGHT, key, occurrence, Some(revision), explanation);
        }
    }
}
