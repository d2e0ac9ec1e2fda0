//! Joins requests with what came back.

use rustc_hash::FxHashMap;

use crate::history::call::{CallId, Invoke, Return};

/// The calls under way.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    open: FxHashMap<CallId, Invoke>,
}

impl OpenCalls {
    /// A request is sent.
    pub(super) fn invoke(&mut self, invoke: Invoke) {
        self.open.insert(invoke.id, invoke);
    }

    /// A call ended: its request. `None` when the record has none, or the call ended before.
    pub(super) fn end(&mut self, returned: &Return) -> Option<Invoke> {
        self.open.remove(&returned.id)
    }

    /// The calls that never ended, in the order they were sent.
    pub(super) fn into_never_ended(self) -> Vec<Invoke> {
        let mut calls: Vec<Invoke> = self.open.into_values().collect();
        calls.sort_unstable_by_key(|invoke| (invoke.sent, invoke.id));
        calls
    }
}
