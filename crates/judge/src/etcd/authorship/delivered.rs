//! A delivered revision, and what is known of the key space before it.

use crate::core::compare::{Failed, failed};
use crate::core::key_space::{KeyRange, Versions};
use ticketcd_history::request::{Guard, KeyValue};
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, Nanos, Revision};

/// A revision that was delivered.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) at: Nanos,
    pub(super) events: Vec<WatchEvent>,
    /// The lease of all deleted keys, if the revision only deletes keys of one lease.
    pub(super) lease: Option<i64>,
    /// Keys before the revision; a version of 0 stands for none. Kept if the revision leaves the window of the key space
    /// without an author: the author's call may end later.
    kept: Vec<KeyValue>,
}

/// The result of compares at a revision.
pub(super) enum Held<'call> {
    /// All of them held.
    All,
    /// This one did not.
    Not(Failed<'call>),
    /// The keys are not known any more.
    Unknown,
}

impl Delivered {
    pub(super) fn new(revision: Revision, at: Nanos, events: &[WatchEvent], versions: &Versions) -> Self {
        let lease_of = |event: &WatchEvent| {
            let kv = event.deleted.then(|| versions.get(event.kv.key.as_bytes(), revision - 1)).flatten();
            kv.map(|kv| kv.lease).filter(|lease| *lease != 0)
        };
        let lease = events.first().and_then(lease_of).filter(|lease| events.iter().all(|event| lease_of(event) == Some(*lease)));
        Self { at, events: events.to_vec(), lease, kept: Vec::new() }
    }

    /// Keeps the keys that it changes, and these, from the revision before it.
    pub(super) fn keep(&mut self, further: Vec<Blob>, versions: &Versions, before: Revision) {
        let keys = self.events.iter().map(|event| event.kv.key.clone()).chain(further);
        self.kept = keys
            .map(|key| versions.get(key.as_bytes(), before).cloned().unwrap_or_else(|| KeyValue { key, ..KeyValue::default() }))
            .collect();
    }

    /// The result of compares at the revision before it.
    pub(super) fn held<'call>(&self, guards: &'call [Guard], versions: &Versions, before: Revision) -> Held<'call> {
        let mut held = Held::All;
        for guard in guards {
            let failed = if versions.covers(before) {
                failed(guard, versions.range(KeyRange::new(&guard.key, &guard.range_end), before))
            } else if let (true, Some(kept)) = (guard.range_end.is_empty(), self.kept.iter().find(|kept| kept.key == guard.key)) {
                failed(guard, Some(kept).into_iter().filter(|kept| kept.version != 0))
            } else {
                held = Held::Unknown;
                continue;
            };
            if let Some(failed) = failed {
                return Held::Not(failed);
            }
        }
        held
    }
}
