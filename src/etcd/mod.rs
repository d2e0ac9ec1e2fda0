//! The client of one member: calls, errors and what they mean, watches, samples.

pub mod audit;
pub mod barrier;
pub mod caller;
pub mod client;
pub mod collector;
mod connection;
pub mod endpoint;
pub mod errors;
pub mod watch;
mod wire;

pub use caller::Caller;
pub use client::{Client, ClientError};
pub use collector::Collectors;
pub use endpoint::{Endpoint, Security};
pub use watch::{Watch, WatchRange};
