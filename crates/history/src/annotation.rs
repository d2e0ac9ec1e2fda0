//! What a client meant by its calls: orders, cancellations, queries, and what a call is for.
//!
//! Nothing at the etcd level depends on annotations: a history without any is judged by the same etcd checks.

use serde::{Deserialize, Serialize};

use crate::call::Invoke;
use crate::event::Event;
use crate::{Blob, Nanos, OrderKey, Revision};

/// What a call is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Nobody says.
    #[default]
    Unstated,
    /// Buying.
    Purchase,
    /// Searching events.
    Search,
    /// Looking at one's own orders.
    Orders,
    /// Revenue per event type.
    Revenue,
    /// Cancelling an order.
    Cancel,
    /// Traffic of the scenario that is no shop business: the transactions guarded by a range compare.
    RangeGuard,
    /// Writing or verifying the dataset.
    Seed,
    /// The write through each member that ends the drain.
    Barrier,
    /// Compaction.
    Housekeeping,
    /// Looking at a stock board: a watch.
    Board,
    /// Defragmentation.
    Defragment,
    /// Giving back what an expired hold had reserved.
    Release,
    /// Moving stock to where a strategy keeps it, and back when the sale is over.
    Settle,
}

/// A buyer's wish, recorded before the first request is sent for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// Which order.
    pub order: OrderKey,
    /// The user it is for.
    pub user: Blob,
    /// The event.
    pub event: Blob,
    /// Ticket type and quantity, each type once.
    pub items: Vec<(Blob, i64)>,
    /// When it was meant to start.
    pub due: Nanos,
    /// When it started.
    pub sent: Nanos,
}

/// A buyer's wish to give back what an earlier order bought. A cancellation is an order of its own, with its own id and
/// its own entry in the purchases; it ends with an [`OrderClosed`] like any other, `Sold` meaning that it was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelPlaced {
    /// The cancellation's own key.
    pub order: OrderKey,
    /// The order it cancels.
    pub cancels: OrderKey,
    /// The user it is for.
    pub user: Blob,
    /// The event.
    pub event: Blob,
    /// What the cancelled order bought, each type once, with the quantities negated: what its entry says.
    pub items: Vec<(Blob, i64)>,
    /// When it was meant to start.
    pub due: Nanos,
    /// When it started.
    pub sent: Nanos,
}

/// What became of an order, as its buyer was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderClosed {
    /// Which order.
    pub order: OrderKey,
    /// When.
    pub done: Nanos,
    /// The outcome.
    pub outcome: OrderOutcome,
    /// What was paid, in cents: the receipt. Zero unless sold; negative for a cancellation, whose buyer is paid back.
    pub paid_cents: i64,
    /// Transactions sent for it.
    pub attempts: u32,
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderOutcome {
    /// Bought, by the transaction with this revision.
    Sold {
        /// The transaction's.
        revision: Revision,
    },
    /// Not enough left.
    SoldOut,
    /// Refused for another reason; nothing was written.
    Rejected {
        /// Why.
        reason: String,
    },
    /// Given up after conflicts with other buyers; nothing was written.
    Conflict,
    /// It may or may not have happened.
    Unknown,
}

/// A query (anything that is not an order), recorded when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryClosed {
    /// The worker that asked.
    pub worker: u32,
    /// What was asked.
    pub purpose: Purpose,
    /// When it was meant to start.
    pub due: Nanos,
    /// When it started.
    pub sent: Nanos,
    /// When it ended.
    pub done: Nanos,
    /// Whether it was answered.
    pub answered: bool,
}

/// An event without its annotations; none when it is nothing else.
pub fn strip(event: Event) -> Option<Event> {
    match event {
        Event::OrderPlaced(_) | Event::OrderClosed(_) | Event::CancelPlaced(_) | Event::QueryClosed(_) => None,
        Event::Invoke(invoke) => Some(Event::Invoke(Invoke { purpose: Purpose::Unstated, orders: Vec::new(), ..invoke })),
        other => Some(other),
    }
}
