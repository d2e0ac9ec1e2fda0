//! Events that are kept for longer than they are processed: shared, not copied.

use std::sync::Arc;

use ticketcd_history::event::Event;

/// An event of a batch, which is kept as long as any of its events is shared.
#[derive(Clone, Debug)]
pub(crate) struct SharedEvent {
    batch: Arc<Vec<Event>>,
    index: usize,
}

impl SharedEvent {
    /// The event at an index of a batch; `None` if it has no such index.
    pub(crate) fn new(batch: &Arc<Vec<Event>>, index: usize) -> Option<Self> {
        (index < batch.len()).then(|| Self { batch: Arc::clone(batch), index })
    }

    /// A copy of an event, by itself.
    pub(crate) fn copy(event: &Event) -> Self {
        Self { batch: Arc::new(vec![event.clone()]), index: 0 }
    }
}

impl std::ops::Deref for SharedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        // The index is checked when it is created, and a batch never changes.
        &self.batch[self.index]
    }
}
