//! The producers' end of the record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use ticketcd_judge::history::event::Event;
use ticketcd_judge::model::Nanos;
use tokio::sync::mpsc;

/// Where every producer of the run writes its events, and the run's clock. Cloning shares both.
#[derive(Clone, Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Event>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    workers: AtomicU32,
    subscriptions: AtomicU32,
    waited_nanos: AtomicU64,
    last_unanswered: AtomicU64,
}

impl Sink {
    /// A sink in front of a bounded queue; the clock starts now.
    pub(super) fn new(queue: mpsc::Sender<Event>) -> Self {
        let shared = Shared {
            began: Instant::now(),
            workers: AtomicU32::new(0),
            subscriptions: AtomicU32::new(0),
            waited_nanos: AtomicU64::new(0),
            last_unanswered: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), queue }
    }

    /// Now, on the run's clock.
    pub fn now(&self) -> Nanos {
        u64::try_from(self.shared.began.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// The moment of the run as an instant, to sleep until.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.shared.began + std::time::Duration::from_nanos(at)
    }

    /// Records an event. Waits while the queue is full. After the recorder has failed events go nowhere: its failure
    /// ends the run.
    pub async fn record(&self, event: Event) {
        let event = match self.queue.try_send(event) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
            Err(mpsc::error::TrySendError::Full(event)) => event,
        };
        let since = Instant::now();
        // A closed queue means that the recorder failed, which `Recorder::finish` reports.
        let _ = self.queue.send(event).await;
        let waited = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.shared.waited_nanos.fetch_add(waited, Ordering::Relaxed);
    }

    /// A number for a new worker: a task whose calls follow each other.
    pub fn next_worker(&self) -> u32 {
        self.shared.workers.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a new watch.
    pub fn next_subscription(&self) -> u32 {
        self.shared.subscriptions.fetch_add(1, Ordering::Relaxed)
    }

    /// A call was given up without an answer: the drain has to outlast it.
    pub fn note_unanswered(&self, at: Nanos) {
        self.shared.last_unanswered.fetch_max(at, Ordering::Relaxed);
    }

    /// When a call was last given up without an answer; 0 when every call was answered.
    pub fn last_unanswered(&self) -> Nanos {
        self.shared.last_unanswered.load(Ordering::Relaxed)
    }

    /// How long producers have waited for the recorder so far, all together, in nanoseconds.
    pub fn waited(&self) -> Nanos {
        self.shared.waited_nanos.load(Ordering::Relaxed)
    }
}
