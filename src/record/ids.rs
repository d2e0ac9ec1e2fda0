//! The numbers by which events refer to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Hands out numbers that are unique within a run. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    workers: AtomicU32,
    subscriptions: AtomicU32,
}

impl Ids {
    /// A number for a new worker: a task whose calls follow each other.
    pub fn next_worker(&self) -> u32 {
        self.shared.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a new watch.
    pub fn next_subscription(&self) -> u32 {
        self.shared.subscriptions.fetch_add(1, Ordering::Relaxed)
    }
}
