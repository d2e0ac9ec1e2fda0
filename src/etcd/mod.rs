//! The client of one member: calls, errors and what they mean, watches, samples.

pub mod caller;
pub mod client;
mod connection;
pub mod endpoint;
pub mod errors;
pub mod sampler;
mod wire;

pub use caller::Caller;
pub use client::{Client, ClientError};
pub use endpoint::{Endpoint, Security};
