//! The client of one member: calls, errors and what they mean, watches, samples, metrics.

pub mod audit;
pub mod barrier;
pub mod boards;
pub mod caller;
pub mod client;
mod client_error;
pub mod collector;
mod connection;
pub mod endpoint;
mod error_table;
pub mod errors;
pub mod metrics;
pub mod plain_http;
mod reach;
pub mod sampler;
pub mod watch;
mod wire;

pub use boards::Boards;
pub use caller::Caller;
pub use client::Client;
pub use client_error::ClientError;
pub use collector::Collectors;
pub use endpoint::{Endpoint, Security};
pub use reach::Reach;
pub use watch::{Watch, WatchRange};
