//! The client of one member: requests, the meaning of errors, watches, samples, metrics.

pub mod audit;
pub mod barrier;
mod call_error;
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

pub use call_error::CallError;
pub use client::Client;
pub use client_error::ClientError;
pub use collector::Collectors;
pub use collector_progress::CollectorProgress;
pub use endpoint::{Endpoint, Security};
pub use recording_client::RecordingClient;
pub use watch::{Watch, WatchRange};
pub use watches::Watches;

use ticketcd_judge::history::watch::WatchEvent;
use ticketcd_judge::history::{MemberIndex, Revision};

/// The member at a position of a list of clients. A cluster has at most 9 members.
pub(crate) fn member_at(position: usize) -> MemberIndex {
    debug_assert!(position < usize::from(u8::MAX), "no cluster has {position} members");
    MemberIndex(u8::try_from(position).unwrap_or(u8::MAX))
}

/// The member that a worker uses first: workers are distributed evenly over the members.
pub(crate) fn member_of_worker(worker: usize, clients: &[Client]) -> MemberIndex {
    debug_assert!(!clients.is_empty(), "a cluster has a member");
    member_at(worker % clients.len().max(1))
}

/// The highest revision of a message's events; 0, which changes nothing, if it had none.
fn last_revision(events: &[WatchEvent]) -> Revision {
    debug_assert!(!events.is_empty(), "a message without events is a progress notification");
    events.iter().map(|event| event.kv.mod_revision).max().unwrap_or(0)
}
