//! How many operations there were. Counting takes no lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ticketcd_judge::history::event::{Event, LoadSample};

use crate::record::Sink;

/// How often a [`LoadSample`] is recorded.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The counters of a load, shared by all its buyers.
#[derive(Debug, Default)]
pub struct Counters {
    offered: AtomicU64,
    started: AtomicU64,
    shed: AtomicU64,
    answered: AtomicU64,
    in_flight: AtomicU32,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations that were due.
    pub offered: u64,
    /// Operations that were started.
    pub started: u64,
    /// Operations that were due but not started.
    pub shed: u64,
    /// Operations that ended with an answer: not rejected, not unknown.
    pub answered: u64,
}

impl Counters {
    /// Operations came due.
    pub fn offer(&self) {
        self.offered.fetch_add(1, Relaxed);
    }

    /// An operation that was due was not started.
    pub fn shed(&self) {
        self.shed.fetch_add(1, Relaxed);
    }

    /// An operation was started.
    pub fn start(&self) {
        self.started.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// An operation ended.
    pub fn end(&self, answered: bool) {
        self.answered.fetch_add(u64::from(answered), Relaxed);
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// All so far.
    pub fn counts(&self) -> Counts {
        Counts {
            offered: self.offered.load(Relaxed),
            started: self.started.load(Relaxed),
            shed: self.shed.load(Relaxed),
            answered: self.answered.load(Relaxed),
        }
    }
}

impl Counts {
    /// What was counted since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            offered: self.offered - earlier.offered,
            started: self.started - earlier.started,
            shed: self.shed - earlier.shed,
            answered: self.answered - earlier.answered,
        }
    }
}

/// Records a sample of what was counted beyond `seen` every second until `over`, and a last one then.
pub async fn sample(counters: &Counters, mut seen: Counts, sink: &Sink, over: impl Future<Output = ()>) {
    tokio::pin!(over);
    let mut waited = sink.events().waited();
    loop {
        let ended = tokio::time::timeout(SAMPLE_INTERVAL, &mut over).await.is_ok();
        let (counts, waited_now) = (counters.counts(), sink.events().waited());
        let new = counts.since(seen);
        let sample = LoadSample {
            at: sink.now(),
            offered: new.offered,
            started: new.started,
            shed: new.shed,
            in_flight: counters.in_flight.load(Relaxed),
            recorder_wait: waited_now - waited,
        };
        sink.record(Event::Load(sample)).await;
        (seen, waited) = (counts, waited_now);
        if ended {
            return;
        }
    }
}
