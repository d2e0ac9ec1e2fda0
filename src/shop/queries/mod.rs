//! The queries of the shop. Each is right while tickets are being sold, for all its reads are made at one revision.

pub mod orders;
pub mod revenue;
pub mod search;
mod snapshot;

pub use orders::{UserPurchases, orders_of};
pub use revenue::{Revenue, revenue_of};
pub use search::{Search, search};

/// A query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// etcd gave no answer, or an error.
    #[error("{code}: {message}")]
    NotAnswered {
        /// Name of the gRPC code.
        code: String,
        /// What the error says.
        message: String,
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
