//! What a client meant by its calls: orders, cancellations, queries, and what a call is for.
//!
//! Nothing at the etcd level depends on annotations: a history without any is judged by the same etcd checks.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::decoding::{DecodeContext, decode_struct, list};
use crate::{Blob, Nanos, OrderKey, Revision};

/// What a call is for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Purpose {
    /// Not known.
    #[default]
    #[n(0)]
    Unstated,
    /// Buying.
    #[n(1)]
    Purchase,
    /// Searching events.
    #[n(2)]
    Search,
    /// Reading one's own orders.
    #[n(3)]
    Orders,
    /// Revenue per event type.
    #[n(4)]
    Revenue,
    /// Cancelling an order.
    #[n(5)]
    Cancel,
    /// Traffic of the scenario that is no shop business: the transactions guarded by a range compare.
    #[n(6)]
    RangeGuard,
    /// Writing or verifying the dataset.
    #[n(7)]
    Seed,
    /// The write through each member that ends the drain.
    #[n(8)]
    Barrier,
    /// Compaction.
    #[n(9)]
    Housekeeping,
    /// Opening a stock board: a watch.
    #[n(10)]
    Board,
    /// Defragmentation.
    #[n(11)]
    Defragment,
    /// Returning what an expired hold had reserved.
    #[n(12)]
    Release,
    /// Moving stock to where a strategy keeps it, and back when the sale is over.
    #[n(13)]
    Settle,
}

/// An order, recorded before the first request is sent for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct OrderPlaced {
    /// Which order.
    #[n(0)]
    pub order: OrderKey,
    /// The user it is for.
    #[n(1)]
    pub user: Blob,
    /// The event.
    #[n(2)]
    pub event: Blob,
    /// Ticket type and quantity, each type once.
    #[n(3)]
    pub items: Vec<(Blob, i64)>,
    /// When it was meant to start.
    #[n(4)]
    pub due: Nanos,
    /// When it started.
    #[n(5)]
    pub sent: Nanos,
}

decode_struct!(OrderPlaced { order: any, user: any, event: any, items: list, due: unsigned, sent: unsigned });

/// The cancellation of an earlier order. It is an order of its own, with its own id and
/// its own entry in the purchases; it ends with an [`OrderClosed`] like any other, `Sold` meaning that it was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(context_bound = "DecodeContext")]
pub struct CancelPlaced {
    /// The cancellation's own key.
    #[n(0)]
    pub order: OrderKey,
    /// The order it cancels.
    #[n(1)]
    pub cancels: OrderKey,
    /// The user it is for.
    #[n(2)]
    pub user: Blob,
    /// The event.
    #[n(3)]
    pub event: Blob,
    /// What the cancelled order bought, each type once, with the quantities negated, as in its entry.
    #[cbor(n(4), decode_with = "list")]
    pub items: Vec<(Blob, i64)>,
    /// When it was meant to start.
    #[n(5)]
    pub due: Nanos,
    /// When it started.
    #[n(6)]
    pub sent: Nanos,
}

/// The outcome of an order, as its buyer received it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct OrderClosed {
    /// Which order.
    #[n(0)]
    pub order: OrderKey,
    /// When.
    #[n(1)]
    pub done: Nanos,
    /// The outcome.
    #[n(2)]
    pub outcome: OrderOutcome,
    /// What was paid, in cents: the receipt. Zero unless sold; negative for a cancellation, which is refunded.
    #[n(3)]
    pub paid_cents: i64,
    /// Transactions sent for it.
    #[n(4)]
    pub attempts: u32,
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub enum OrderOutcome {
    /// Bought, by the transaction with this revision.
    #[n(0)]
    Sold {
        /// The transaction's.
        #[n(0)]
        revision: Revision,
    },
    /// Not enough left.
    #[n(1)]
    SoldOut,
    /// Refused for another reason; nothing was written.
    #[n(2)]
    Rejected {
        /// The details, such as the message of an error.
        #[n(0)]
        reason: String,
        /// Why.
        #[n(1)]
        #[cbor(default)]
        #[serde(default)]
        cause: RejectionCause,
    },
    /// Given up after conflicts with other buyers; nothing was written.
    #[n(3)]
    Conflict,
    /// It may or may not have happened.
    #[n(4)]
    Unknown,
}

/// Why an order was rejected. Nothing was written.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum RejectionCause {
    /// Not recorded, as in records of earlier versions.
    #[default]
    #[n(0)]
    Unstated,
    /// The order itself is invalid: it names no ticket, a type twice, or no quantity.
    #[n(1)]
    InvalidOrder,
    /// The event or the ticket type does not exist, or for a cancellation the order.
    #[n(2)]
    NotFound,
    /// A stored value is not what the shop keeps under its key.
    #[n(3)]
    UnreadableValue,
    /// A price or a count is too large.
    #[n(4)]
    Overflow,
    /// The member did not accept the request: it was down, or had no leader.
    #[n(5)]
    Unavailable,
    /// A read got no response in time.
    #[n(6)]
    TimedOut,
    /// etcd refused the request for another reason.
    #[n(7)]
    RefusedByEtcd,
    /// The lease or the lock that the strategy needs was not granted.
    #[n(8)]
    NoLock,
    /// The buyer reserved the tickets and did not pay.
    #[n(9)]
    NotPaid,
    /// The buyer cancelled the reservation.
    #[n(10)]
    Cancelled,
    /// The reservation had ended before it was paid, or it is unknown whether there was one.
    #[n(11)]
    ReservationLost,
    /// The script of the strategy rejected the order.
    #[n(12)]
    Script,
    /// The script of the strategy failed.
    #[n(13)]
    ScriptFailed,
    /// The strategy ended before the order was carried out.
    #[n(14)]
    StrategyEnded,
}

/// A query (anything that is not an order), recorded when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
pub struct QueryClosed {
    /// The worker that ran it.
    #[n(0)]
    pub worker: u32,
    /// Its purpose.
    #[n(1)]
    pub purpose: Purpose,
    /// When it was meant to start.
    #[n(2)]
    pub due: Nanos,
    /// When it started.
    #[n(3)]
    pub sent: Nanos,
    /// When it ended.
    #[n(4)]
    pub done: Nanos,
    /// Whether it was answered.
    #[n(5)]
    pub answered: bool,
}

decode_struct!(QueryClosed { worker: unsigned_32, purpose: any, due: unsigned, sent: unsigned, done: unsigned, answered: flag });
