//! What checks share, computed once: the log of revisions, the key space, calls with their answers, the verdict.

pub mod anomalies;
pub mod audits;
mod calls;
pub mod check;
pub(crate) mod collectors;
pub(crate) mod compare;
pub(crate) mod divergence;
pub mod engine;
pub(crate) mod excerpt;
mod faults;
pub mod key_space;
pub(crate) mod lease_book;
mod panic_guard;
pub mod pending_answers;
pub mod revision_log;
mod shared_event;
pub(crate) mod shop_replay;
pub mod verdict;
