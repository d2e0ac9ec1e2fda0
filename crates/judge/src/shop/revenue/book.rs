//! What one event earned, counted three ways.

use crate::shop::model::Cents;
use crate::shop::model::records::{PurchasedTicket, Ticket};
use ticketcd_history::Blob;

/// The sums of one event, in cents.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) event_type: Option<Box<str>>,
    pub(super) counters: i128,
    /// What the counters said had been earned when the tickets were first seen.
    pub(super) earned_before: i128,
    pub(super) records: i128,
    pub(super) receipts: i128,
    pub(super) other: i128,
    /// The price of each ticket.
    pub(super) prices: Vec<(Blob, Cents)>,
    /// The first order whose receipt is not what its entry says, and the first entry at another price than the ticket's:
    /// the order's id, and in words.
    pub(super) wrong_receipt: Option<(String, String)>,
    pub(super) wrong_price: Option<(String, String)>,
}

impl Book {
    /// So many tickets are in another place than their record, and not earned for that.
    pub(super) fn put_aside(&mut self, kind: &Blob, quantity: i64, price: Option<Cents>) {
        let listed = || self.prices.iter().find(|(of, _)| of == kind).map(|(_, price)| *price);
        if let Some(price) = price.or_else(listed) {
            self.counters -= price.times(quantity);
        }
    }

    /// Holds the price of a line against the ticket's.
    pub(super) fn compare_price(&mut self, order: &str, line: &PurchasedTicket) {
        let listed = self.prices.iter().find(|(kind, _)| kind.as_bytes() == line.kind.as_bytes()).map(|(_, price)| *price);
        if let (Some(paid), Some(listed), None) = (line.price, listed, &self.wrong_price)
            && paid != listed
        {
            let what = format!("has an entry of {} {} at {paid} each, but the ticket costs {listed}", line.quantity, line.kind);
            self.wrong_price = Some((order.to_owned(), what));
        }
    }

    /// Whether counters and records agree; of tickets that were sold before the record began there may be no purchases.
    pub(super) fn counters_agree(&self) -> bool {
        self.counters == self.records || self.counters - self.earned_before == self.records - self.other
    }
}

/// What the counters of a ticket say was earned, in cents.
pub(super) fn sold(ticket: Option<&Ticket>) -> i128 {
    ticket.map_or(0, |ticket| i128::from(ticket.price.0) * (i128::from(ticket.total_quantity) - i128::from(ticket.current_quantity)))
}
