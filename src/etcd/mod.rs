//! The client of one member: calls, errors and what they mean, watches, samples.

pub mod caller;
pub mod client;
pub mod endpoint;
pub mod sampler;

pub use caller::Caller;
pub use client::Client;
pub use endpoint::{Endpoint, Security};
