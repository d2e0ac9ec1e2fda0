//! Calls: a request, when it was sent, what came back; and the orders that buyers placed.

use serde::{Deserialize, Serialize};

use super::request::{Answer, Request};
use crate::model::{Blob, Cents, MemberIndex, Nanos, OrderKey, Revision};

/// A call within a run: the worker that made it, and the how-manieth of that worker it is, from 1. A worker is one task:
/// its calls follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId {
    /// The worker's number.
    pub worker: u32,
    /// The worker's own count, from 1, without gaps.
    pub sequence: u32,
}

/// A request, recorded before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    /// Which call.
    pub id: CallId,
    /// The member it is sent to.
    pub member: MemberIndex,
    /// When it is sent.
    pub sent: Nanos,
    /// What for.
    pub purpose: Purpose,
    /// The orders it would carry out: none for a read, several for a batch.
    pub orders: Vec<OrderKey>,
    /// The request.
    pub request: Request,
}

/// What came back, or that nothing did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Which call.
    pub id: CallId,
    /// When it came back, or was given up.
    pub done: Nanos,
    /// What came back.
    pub outcome: CallOutcome,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallOutcome {
    /// Answered.
    Ok(Answer),
    /// Refused, and by the table of errors nothing was written. The ledger checks that on every member all the same.
    Refused {
        /// Name of the gRPC code.
        code: String,
        /// What the error says.
        message: String,
    },
    /// It may or may not have happened.
    Unknown {
        /// Name of the gRPC code.
        code: String,
        /// What the error says.
        message: String,
    },
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
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
    /// What was paid: the receipt. Zero unless sold; negative for a cancellation, whose buyer is paid back.
    pub paid: Cents,
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
