//! The queries of the shop. Each is right while tickets are being sold, for all its reads are made at one revision.

pub mod names;
pub mod orders;
pub mod revenue;
pub mod search;
mod snapshot;
pub mod stock;

pub use names::Named;
pub use orders::{Account, AccountEvent, UserPurchases, account_of, orders_of};
pub use revenue::{Revenue, Revenues, revenue_of, revenue_of_all};
pub use search::{Found, FoundEvent, Search, event_of, events_of, search};
pub use snapshot::PAGE_KEYS_MAX;
pub use stock::TicketStock;

use ticketcd_judge::history::Revision;

use crate::etcd::CallError;

/// A query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The request was refused, or not answered.
    #[error(transparent)]
    NotAnswered(#[from] CallError),
    /// What it was reading at was compacted away meanwhile, and again at every new beginning.
    #[error(
        "revision {revision} was compacted away before everything was read, {times} times in a row; \
             the cluster is compacted too often for a query of this size"
    )]
    Compacted {
        /// The last revision tried.
        revision: Revision,
        /// How often it began.
        times: u32,
    },
    /// The answer has not the shape of the request.
    #[error("the answer does not fit the request")]
    Shape,
    /// A value is not what the shop keeps under its key.
    #[error("{key}: {source}")]
    Json {
        /// The key.
        key: String,
        /// What is wrong with its value.
        source: serde_json::Error,
    },
}
