//! Cancellations: which order each of them takes back, and whether it was there to be taken back.

use rustc_hash::FxHashMap;

use super::order::content_taken_back_by;
use super::{CANCELLED_TWICE, CANCELLED_UNBOUGHT, Ledger, Occurrence};
use crate::shop::model::records::Purchase;
use ticketcd_history::{OrderId, OrderKey, Revision};

/// What is known of cancellations. They are few: an order that is none of them takes no room here.
#[derive(Debug, Default)]
pub(super) struct Cancellations {
    /// Of each that was placed, the order it was placed for.
    placed: FxHashMap<OrderKey, OrderKey>,
    /// Of each order whose cancellation was seen in the data, the first of them.
    cancelled_by: FxHashMap<OrderKey, OrderKey>,
}

impl Cancellations {
    /// A buyer wishes to cancel an order.
    pub(super) fn placed(&mut self, cancel: OrderKey, cancels: OrderKey) {
        self.placed.insert(cancel, cancels);
    }
}

impl Ledger {
    /// The order of this run that an entry says it cancels.
    fn cancelled_by(&self, purchase: &Purchase) -> Option<OrderKey> {
        let id: OrderId = purchase.cancels.as_deref()?.parse().ok()?;
        (id.run == self.run_tag).then_some(id.key)
    }

    /// Whether the entry of an order that was placed names the order that its buyer wanted to cancel, or none when it is no
    /// cancellation; and takes back what that one bought.
    pub(super) fn cancels_what_it_should(&self, key: OrderKey, purchase: &Purchase) -> bool {
        let Some(wanted) = self.cancellations.placed.get(&key) else { return purchase.cancels.is_none() };
        let bought = self.orders.get(wanted).map_or(0, |order| order.content);
        self.cancelled_by(purchase) == Some(*wanted) && (bought == 0 || bought == content_taken_back_by(purchase))
    }

    /// An entry was seen: if it is a cancellation, no other may have taken back the same order.
    pub(super) fn follow_cancel(&mut self, revision: Revision, key: OrderKey, occurrence: &Occurrence<'_>) {
        let Some(cancelled) = self.cancelled_by(occurrence.purchase) else { return };
        let first = *self.cancellations.cancelled_by.entry(cancelled).or_insert(key);
        if first != key {
            let (cancelled, first) = (self.order_id(cancelled), self.order_id(first));
            let explanation = format!("at revision {revision} it cancels order {cancelled}, which {first} had already cancelled");
            self.report(&CANCELLED_TWICE, key, occurrence, Some(revision), explanation);
        }
    }

    /// A revision wrote an entry: if it is a cancellation, what it cancels was there before it.
    pub(super) fn expect_cancelled(&mut self, revision: Revision, key: OrderKey, occurrence: &Occurrence<'_>) {
        let Some(cancelled) = self.cancelled_by(occurrence.purchase) else { return };
        let is_there = self.orders.get(&cancelled).is_some_and(|order| order.in_log);
        if !is_there {
            let explanation = format!("at revision {revision} it cancels order {}, which does not exist", self.order_id(cancelled));
            self.report(&CANCELLED_UNBOUGHT, key, occurrence, Some(revision), explanation);
        }
    }
}
