//! Pairs requests with their responses.

use rustc_hash::FxHashMap;

use crate::core::shared_event::SharedEvent;
use ticketcd_history::call::{CallId, Invoke, Return};
use ticketcd_history::event::Event;

/// The calls in flight. Requests are shared with the checks that still process them.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls {
    open: FxHashMap<CallId, SharedEvent>,
}

impl OpenCalls {
    /// Requests are sent.
    pub(crate) fn extend(&mut self, requests: impl IntoIterator<Item = (CallId, SharedEvent)>) {
        self.open.extend(requests);
    }

    /// A call ended: its request. `None` if the record has none, or the call ended before.
    pub(crate) fn end(&mut self, returned: &Return) -> Option<SharedEvent> {
        self.open.remove(&returned.id)
    }

    /// The calls that never ended, in the order they were sent.
    pub(crate) fn into_never_ended(self) -> Vec<SharedEvent> {
        let mut calls: Vec<SharedEvent> = self.open.into_values().collect();
        calls.sort_unstable_by_key(|event| invoke_of(event).map(|invoke| (invoke.sent, invoke.id)));
        calls
    }
}

/// The request, when the event is one.
pub(crate) fn invoke_of(event: &Event) -> Option<&Invoke> {
    match event {
        Event::Invoke(invoke) => Some(invoke),
        _ => None,
    }
}
