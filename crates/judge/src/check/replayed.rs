//! Answers that wait until the log has reached the revision they name: only then can they be held against the key space.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::versions::Versions;
use crate::history::call::{CallOutcome, Invoke, Return};
use crate::history::event::{Event, WatchEvent};
use crate::history::request::{Answer, Request};
use crate::model::Revision;

/// An answered call, shown when the log has reached the revision its answer names.
#[derive(Clone, Copy, Debug)]
pub struct ReplayedCall<'run> {
    /// The request.
    pub invoke: &'run Invoke,
    /// What came back.
    pub returned: &'run Return,
    /// The answer in it.
    pub answer: &'run Answer,
    /// The key space as it was. Ask first whether it covers a revision: an answer may be older than what is kept.
    pub versions: &'run Versions,
}

/// The key space as it was, and the answers that wait for it.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    versions: Versions,
    waiting: BTreeMap<Revision, Vec<(Arc<Event>, Return)>>,
}

impl Replayed {
    /// The key space as it was.
    pub(super) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The log goes on.
    pub(super) fn apply(&mut self, revision: Revision, events: &[WatchEvent], missing_before: u64) {
        self.versions.apply(revision, events, missing_before);
    }

    /// A call ended. Only answers about keys can be held against them.
    pub(super) fn add(&mut self, call: &Arc<Event>, invoke: &Invoke, returned: &Return) {
        let CallOutcome::Ok(answer) = &returned.outcome else { return };
        if self.versions.is_broken() && answer.revision > self.versions.newest() {
            // Its turn never comes, nor that of those that wait.
            self.waiting.clear();
            return;
        }
        if matches!(invoke.request, Request::Range(_) | Request::Put(_) | Request::Delete(_) | Request::Txn(_)) {
            self.waiting.entry(answer.revision).or_default().push((Arc::clone(call), returned.clone()));
        }
    }

    /// The calls whose turn has come.
    pub(super) fn ready(&mut self) -> Vec<(Arc<Event>, Return)> {
        let newest = self.versions.newest();
        let first = self.waiting.first_entry().filter(|first| *first.key() <= newest);
        first.map(|first| first.remove()).unwrap_or_default()
    }
}

impl<'run> ReplayedCall<'run> {
    /// `None` when the call was not answered.
    pub(super) fn new(invoke: &'run Invoke, returned: &'run Return, versions: &'run Versions) -> Option<Self> {
        match &returned.outcome {
            CallOutcome::Ok(answer) => Some(Self { invoke, returned, answer, versions }),
            CallOutcome::Refused { .. } | CallOutcome::Unknown { .. } => None,
        }
    }
}
