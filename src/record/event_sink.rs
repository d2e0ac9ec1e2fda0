//! Where events go: into the recorder's bounded queue, or nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ticketcd_judge::history::Nanos;
use ticketcd_judge::history::event::Event;
use tokio::sync::mpsc;

/// Where producers put their events. Cloning shares it.
#[derive(Clone, Debug)]
pub struct EventSink {
    /// None when nothing is recorded.
    queue: Option<mpsc::Sender<Event>>,
    waited_nanos: Arc<AtomicU64>,
}

impl EventSink {
    /// The producers' end of a recorder's queue.
    pub(super) fn new(queue: mpsc::Sender<Event>) -> Self {
        Self { queue: Some(queue), waited_nanos: Arc::default() }
    }

    /// A sink that discards every event: for work that is no part of a run.
    pub fn discarding() -> Self {
        Self { queue: None, waited_nanos: Arc::default() }
    }

    /// Records an event. Waits while the queue is full. After the recorder has failed events are discarded: its failure
    /// ends the run.
    pub async fn record(&self, event: Event) {
        let Some(queue) = &self.queue else { return };
        let event = match queue.try_send(event) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
            Err(mpsc::error::TrySendError::Full(event)) => event,
        };
        let since = Instant::now();
        // A closed queue means that the recorder failed, which `Recorder::finish` reports.
        let _ = queue.send(event).await;
        let waited = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited_nanos.fetch_add(waited, Ordering::Relaxed);
    }

    /// How long producers have waited for the recorder so far, all together, in nanoseconds.
    pub fn waited(&self) -> Nanos {
        self.waited_nanos.load(Ordering::Relaxed)
    }
}
