//! The revenue of one event, counted in three ways.

use crate::shop::model::Cents;
use crate::shop::model::records::{PurchasedTicket, Ticket};
use ticketcd_history::Blob;

/// The sums of one event, in cents.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) event_type: Option<Box<str>>,
    pub(super) counters: i128,
    /// The revenue by the counters when the tickets were first seen.
    pub(super) earned_before: i128,
    pub(super) records: i128,
    pub(super) receipts: i128,
    pub(super) other: i128,
    /// The price of each ticket.
    pub(super) prices: Vec<(Blob, Cents)>,
    /// The first order whose receipt differs from its entry, and the first entry with another price than the ticket's: the
    /// order's id, and the difference in words.
    pub(super) wrong_receipt: Option<(String, String)>,
    pub(super) wrong_price: Option<(String, String)>,
}

impl Book {
    /// Tickets that are neither in their record nor sold.
    pub(super) fn put_aside(&mut self, kind: &Blob, quantity: i64, price: Option<Cents>) {
        let listed = || self.prices.iter().find(|(of, _)| of == kind).map(|(_, price)| *price);
        if let Some(price) = price.or_else(listed) {
            self.counters -= price.times(quantity);
        }
    }

    /// Compares the price of a line with the ticket's.
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

/// The revenue by the counters of a ticket, in cents.
pub(super) fn sold(ticket: Option<&Ticket>) -> i128 {
    ticket.map_or(0, |ticket| i128::from(ticket.price.0) * (i128::from(ticket.total_quantity) - i128::from(ticket.current_quantity)))
}
