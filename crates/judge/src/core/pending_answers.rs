//! Responses that wait until the log has reached their revision: only then can they be checked against the key space.

use std::collections::BTreeMap;

use crate::core::key_space::Versions;
use crate::core::shared_event::SharedEvent;
use ticketcd_history::Revision;
use ticketcd_history::call::{CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{Answer, Request};
use ticketcd_history::watch::WatchEvent;

/// A call with a response, passed on when the log has reached the revision of the response.
#[derive(Clone, Copy, Debug)]
pub struct ReplayedCall<'run> {
    /// The request.
    pub invoke: &'run Invoke,
    /// What came back.
    pub returned: &'run Return,
    /// The response in it.
    pub answer: &'run Answer,
    /// The key space. Check first whether it covers a revision: a response may be older than what is kept.
    pub versions: &'run Versions,
}

/// The key space, and the responses that wait for it.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    versions: Versions,
    waiting: BTreeMap<Revision, Vec<WaitingCall>>,
}

/// A request and its return.
#[derive(Debug)]
pub(crate) struct WaitingCall {
    request: SharedEvent,
    returned: SharedEvent,
}

impl Replayed {
    /// The key space.
    pub(crate) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The log goes on.
    pub(crate) fn apply(&mut self, revision: Revision, events: &[WatchEvent], missing_before: u64) {
        self.versions.apply(revision, events, missing_before);
    }

    /// A call ended. Only responses about keys can be checked. If the log has already reached its revision, it can be passed
    /// on immediately.
    pub(crate) fn add<'run>(
        &'run mut self,
        invoke: &'run Invoke,
        returned: &'run Return,
        share: impl FnOnce() -> Option<(SharedEvent, SharedEvent)>,
    ) -> Option<ReplayedCall<'run>> {
        let CallOutcome::Ok(answer) = &returned.outcome else { return None };
        if !matches!(invoke.request, Request::Range(_) | Request::Put(_) | Request::Delete(_) | Request::Txn(_)) {
            return None;
        }
        if answer.revision <= self.versions.newest() {
            return Some(ReplayedCall { invoke, returned, answer, versions: &self.versions });
        }
        if self.versions.is_broken() {
            // The log never reaches its revision, nor those of the waiting ones.
            self.waiting.clear();
        } else if let Some((request, returned)) = share() {
            self.waiting.entry(answer.revision).or_default().push(WaitingCall { request, returned });
        }
        None
    }

    /// The calls whose revision the log has reached.
    pub(crate) fn ready(&mut self) -> Vec<WaitingCall> {
        let newest = self.versions.newest();
        let first = self.waiting.first_entry().filter(|first| *first.key() <= newest);
        first.map(|first| first.remove()).unwrap_or_default()
    }
}

impl WaitingCall {
    /// The call, with the key space.
    pub(crate) fn replayed<'run>(&'run self, versions: &'run Versions) -> Option<ReplayedCall<'run>> {
        match (&*self.request, &*self.returned) {
            (Event::Invoke(invoke), Event::Return(returned @ Return { outcome: CallOutcome::Ok(answer), .. })) => {
                Some(ReplayedCall { invoke, returned, answer, versions })
            }
            _ => None,
        }
    }
}
