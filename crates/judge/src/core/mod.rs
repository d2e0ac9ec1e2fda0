//! What checks share, computed once: the log of revisions, the key space, calls with their responses, the verdict.

pub mod anomalies;
pub mod anomaly_kind;
pub mod audits;
mod calls;
pub mod check;
pub(crate) mod compare;
pub mod engine;
pub(crate) mod excerpt;
mod faults;
pub mod key_space;
mod panic_guard;
pub mod pending_answers;
pub mod revision_log;
mod shared_event;
pub mod verdict;
