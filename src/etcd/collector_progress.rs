//! How far the collectors have come: the newest revision that is known, what is safely stored, and what is compacted.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ticketcd_judge::history::Revision;
use tokio::sync::watch;

/// The revision of the last event that each member's collector has delivered, and of the last compaction. Cloning shares it.
#[derive(Clone, Debug)]
pub struct CollectorProgress {
    collectors: Vec<watch::Receiver<Revision>>,
    compacted: Arc<AtomicI64>,
}

impl CollectorProgress {
    /// The progress of these collectors, in the order of their members.
    pub fn new(collectors: Vec<watch::Receiver<Revision>>) -> Self {
        Self { collectors, compacted: Arc::default() }
    }

    /// A compaction up to this revision was acknowledged.
    pub fn note_compaction(&self, revision: Revision) {
        self.compacted.fetch_max(revision, Ordering::AcqRel);
    }

    /// The revision of the last acknowledged compaction; 0 before the first.
    pub fn compacted(&self) -> Revision {
        self.compacted.load(Ordering::Acquire)
    }

    /// How far each is.
    pub fn of_each(&self) -> Vec<Revision> {
        self.collectors.iter().map(|progress| *progress.borrow()).collect()
    }

    /// The newest revision that one of them knows; 0 before the first.
    pub fn newest(&self) -> Revision {
        self.of_each().into_iter().max().unwrap_or(0)
    }
}
