//! Joins requests with what came back.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::history::call::{CallId, Invoke, Return};
use crate::history::event::Event;

/// The calls under way. Requests are shared with whoever is still being shown them.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    open: FxHashMap<CallId, Arc<Event>>,
}

impl OpenCalls {
    /// A request is sent. Other events are passed over.
    pub(super) fn invoke(&mut self, event: Arc<Event>) {
        if let Some(invoke) = invoke_of(&event) {
            self.open.insert(invoke.id, event);
        }
    }

    /// A call ended: its request. `None` when the record has none, or the call ended before.
    pub(super) fn end(&mut self, returned: &Return) -> Option<Arc<Event>> {
        self.open.remove(&returned.id)
    }

    /// The calls that never ended, in the order they were sent.
    pub(super) fn into_never_ended(self) -> Vec<Arc<Event>> {
        let mut calls: Vec<Arc<Event>> = self.open.into_values().collect();
        calls.sort_unstable_by_key(|event| invoke_of(event).map(|invoke| (invoke.sent, invoke.id)));
        calls
    }
}

/// The request, when the event is one.
pub(super) fn invoke_of(event: &Event) -> Option<&Invoke> {
    match event {
        Event::Invoke(invoke) => Some(invoke),
        _ => None,
    }
}
