//! What a producer of events needs: clock, ids and event sink together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ticketcd_judge::history::Nanos;
use ticketcd_judge::history::event::Event;

use super::clock::Clock;
use super::event_sink::EventSink;
use super::ids::Ids;

/// What every producer of a run shares. Cloning shares all of it.
#[derive(Clone, Debug)]
pub struct Sink {
    clock: Clock,
    ids: Ids,
    events: EventSink,
    last_unanswered: Arc<AtomicU64>,
}

impl Sink {
    /// Events go to `events`; the clock starts now.
    pub fn new(events: EventSink) -> Self {
        Self { clock: Clock::start(), ids: Ids::default(), events, last_unanswered: Arc::default() }
    }

    /// Nothing is recorded: for commands that are no run.
    pub fn discarding() -> Self {
        Self::new(EventSink::discarding())
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Where events go.
    pub fn events(&self) -> &EventSink {
        &self.events
    }

    /// Now, on the run's clock.
    pub fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// A moment of the run as an instant, to sleep until.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.clock.instant(at)
    }

    /// Records an event: see [`EventSink::record`].
    pub async fn record(&self, event: Event) {
        self.events.record(event).await;
    }

    /// A number for a new worker: a task whose calls follow each other.
    pub fn next_worker(&self) -> u32 {
        self.ids.next_worker()
    }

    /// A number for a new watch.
    pub fn next_subscription(&self) -> u32 {
        self.ids.next_subscription()
    }

    /// A call was given up without a response: the drain has to outlast it.
    pub fn note_unanswered(&self, at: Nanos) {
        self.last_unanswered.fetch_max(at, Ordering::Relaxed);
    }

    /// When a call was last given up without a response; 0 when every call got one.
    pub fn last_unanswered(&self) -> Nanos {
        self.last_unanswered.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::event::Ended;

    use super::*;

    #[tokio::test]
    async fn a_discarding_sink_takes_events_without_a_recorder() {
        let sink = Sink::discarding();
        for at in 0..100_000 {
            sink.record(Event::Ended(Ended { at, interrupted: false })).await;
        }
        assert_eq!(sink.events().waited(), 0);
    }

    #[test]
    fn clones_share_ids_and_unanswered_calls() {
        let (sink, clone) = (Sink::discarding(), Sink::discarding());
        assert_eq!((clone.next_worker(), sink.next_worker()), (0, 0), "two sinks share nothing");
        let clone = sink.clone();
        assert_eq!((clone.next_worker(), sink.next_worker(), clone.next_subscription()), (1, 2, 0));
        clone.note_unanswered(7);
        sink.note_unanswered(5);
        assert_eq!(sink.last_unanswered(), 7);
    }
}
