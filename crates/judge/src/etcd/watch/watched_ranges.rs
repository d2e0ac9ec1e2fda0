//! The merged log, restricted to each watched range.

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::core::key_space::{KeyRange, Versions};
use ticketcd_history::request::{KeyValue, prefix_end};
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, Revision};

/// Changes of one range that are kept; beyond that, old ones that no open watch needs are dropped.
const CHANGES_MAX: usize = 1 << 17;

/// A change of one key, with what is needed to recognise it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) revision: Revision,
    pub(super) key: Blob,
    /// A hash of the event.
    pub(super) content: u64,
    /// The key as it was before.
    pub(super) previous: Previous,
}

/// A key as it was before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Previous {
    /// It was not there.
    None,
    /// A hash of it.
    Some(u64),
    /// It is no longer known.
    Forgotten,
}

/// The changes of one range, in order.
#[derive(Debug)]
pub(super) struct WatchedRange {
    key: Blob,
    end: Blob,
    /// All of its changes since this revision are known.
    pub(super) known_from: Revision,
    changes: Vec<Change>,
}

/// The ranges that are watched.
#[derive(Debug, Default)]
pub(super) struct WatchedRanges {
    ranges: Vec<WatchedRange>,
    by_range: FxHashMap<(Blob, Blob), usize>,
    /// Ranges of one key or of all keys with a prefix, by key or prefix; and the lengths of those prefixes.
    by_start: FxHashMap<Blob, Vec<usize>>,
    lengths: BTreeSet<usize>,
    /// All other ranges.
    others: Vec<usize>,
}

impl WatchedRanges {
    /// The index of a range; a new one starts with the changes that are still known.
    pub(super) fn of(&mut self, key: &Blob, end: &Blob, versions: &Versions) -> usize {
        if let Some(range) = self.by_range.get(&(key.clone(), end.clone())) {
            return *range;
        }
        let index = self.ranges.len();
        let (known_from, changes) = past(KeyRange::new(key, end), versions);
        self.ranges.push(WatchedRange { key: key.clone(), end: end.clone(), known_from, changes });
        self.by_range.insert((key.clone(), end.clone()), index);
        if end.is_empty() || *end == prefix_end(key.as_bytes()) {
            self.lengths.insert(key.len());
            self.by_start.entry(key.clone()).or_default().push(index);
        } else {
            self.others.push(index);
        }
        index
    }

    pub(super) fn get(&self, index: usize) -> Option<&WatchedRange> {
        self.ranges.get(index)
    }

    /// Adds a revision, which the key space already includes.
    pub(super) fn apply(&mut self, revision: Revision, events: &[WatchEvent], versions: &Versions) {
        if self.ranges.is_empty() {
            return;
        }
        for event in events {
            let key = event.kv.key.as_bytes();
            let starts = self.lengths.iter().filter_map(|length| key.get(..*length)).filter_map(|start| self.by_start.get(start));
            let watching = starts.flatten().chain(&self.others);
            let mut change = None;
            for &index in watching {
                let Some(range) = self.ranges.get_mut(index) else { continue };
                if KeyRange::new(&range.key, &range.end).contains(key) {
                    let new = || {
                        let previous = versions.get(key, revision - 1).map_or(Previous::None, |kv| Previous::Some(kv_hash(kv)));
                        Change { revision, key: event.kv.key.clone(), content: event_hash(event.deleted, &event.kv), previous }
                    };
                    range.changes.push(change.get_or_insert_with(new).clone());
                }
            }
        }
    }

    /// Drops old changes if there are many, but none that a watch may still receive: `needed` returns the first such revision
    /// of a range.
    pub(super) fn trim(&mut self, needed: impl Fn(usize) -> Revision) {
        for (index, range) in self.ranges.iter_mut().enumerate().filter(|(_, range)| range.changes.len() > CHANGES_MAX) {
            let half = range.changes.get(range.changes.len() / 2).map_or(0, |change| change.revision);
            range.known_from = range.known_from.max(half.min(needed(index)));
            let given_up = range.position(range.known_from);
            range.changes.drain(..given_up);
        }
    }
}

impl WatchedRange {
    fn position(&self, revision: Revision) -> usize {
        self.changes.partition_point(|change| change.revision < revision)
    }

    /// The changes from a revision on.
    pub(super) fn from(&self, revision: Revision) -> &[Change] {
        self.changes.get(self.position(revision)..).unwrap_or_default()
    }

    /// The changes of one revision.
    pub(super) fn at(&self, revision: Revision) -> &[Change] {
        let changes = self.from(revision);
        let count = changes.partition_point(|change| change.revision == revision);
        changes.get(..count).unwrap_or_default()
    }
}

/// The changes of a range that the key space still knows, and the revision since which it knows all of them.
fn past(range: KeyRange<'_>, versions: &Versions) -> (Revision, Vec<Change>) {
    let known_from = versions.known_from();
    let mut changes = Vec::new();
    for chain in versions.chains(range) {
        let mut previous: Option<&KeyValue> = None;
        for version in chain {
            if version.mod_revision >= known_from {
                changes.push(Change {
                    revision: version.mod_revision,
                    key: version.key.clone(),
                    content: event_hash(version.version == 0, version),
                    previous: match previous {
                        // The first version that is kept: the one before it is known only if there was none.
                        None if version.version == 1 => Previous::None,
                        None => Previous::Forgotten,
                        Some(KeyValue { version: 0, .. }) => Previous::None,
                        Some(previous) => Previous::Some(kv_hash(previous)),
                    },
                });
            }
            previous = Some(version);
        }
    }
    changes.sort_by_key(|change| change.revision);
    (known_from, changes)
}

/// A hash of an event; for a deletion only of its key and revision.
pub(super) fn event_hash(deleted: bool, kv: &KeyValue) -> u64 {
    if deleted { FxBuildHasher.hash_one((&kv.key, kv.mod_revision)) } else { kv_hash(kv) }
}

pub(super) fn kv_hash(kv: &KeyValue) -> u64 {
    FxBuildHasher.hash_one(kv)
}
