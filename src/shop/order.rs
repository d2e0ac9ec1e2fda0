//! An order for tickets.

use ticketcd_judge::history::annotation::OrderPlaced;
use ticketcd_judge::history::{Nanos, OrderKey};

/// An order: tickets of one event for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which order of the run it is.
    pub key: OrderKey,
    /// The user it is for.
    pub user: String,
    /// The event's id.
    pub event: String,
    /// Ticket type and quantity, each type once.
    pub items: Vec<(String, i64)>,
    /// When it was meant to start.
    pub due: Nanos,
}

impl Order {
    /// The order as it is recorded when its buyer starts it at `sent`.
    pub fn placed(&self, sent: Nanos) -> OrderPlaced {
        OrderPlaced {
            order: self.key,
            user: self.user.as_str().into(),
            event: self.event.as_str().into(),
            items: self.items.iter().map(|(kind, quantity)| (kind.as_str().into(), *quantity)).collect(),
            due: self.due,
            sent,
        }
    }

    /// What is wrong with the order itself, independently of the stock.
    pub fn fault(&self) -> Option<&'static str> {
        let repeated = || self.items.iter().enumerate().any(|(at, (kind, _))| self.items.iter().take(at).any(|(other, _)| other == kind));
        if self.items.is_empty() {
            Some("it asks for nothing")
        } else if self.items.iter().any(|(_, quantity)| *quantity <= 0) {
            Some("it asks for a quantity below one")
        } else if repeated() {
            Some("it names a ticket type twice")
        } else {
            None
        }
    }
}
