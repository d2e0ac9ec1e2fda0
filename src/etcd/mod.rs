//! The client of one member: calls, errors and what they mean, watches, samples, metrics.

pub mod audit;
pub mod barrier;
pub mod client;
mod client_error;
pub mod collector;
mod collector_progress;
mod connection;
pub mod endpoint;
mod error_table;
pub mod errors;
pub mod metrics;
pub mod plain_http;
pub mod recording_client;
pub mod sampler;
pub mod watch;
pub mod watches;
mod wire;

pub use client::Client;
pub use client_error::ClientError;
pub use collector::Collectors;
pub use collector_progress::CollectorProgress;
pub use endpoint::{Endpoint, Security};
pub use recording_client::RecordingClient;
pub use watch::{Watch, WatchRange};
pub use watches::Watches;
