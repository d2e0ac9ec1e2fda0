//! The key space at each of the last revisions: what responses, compares and watches are checked against.
//!
//! Every key has a chain of versions. A version that a newer one has replaced is kept while the newer one is within the last
//! [`WINDOW`] revisions, so that memory is bounded by the existing keys and the recent writes. Values are shared with their
//! events, never copied.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use ticketcd_history::request::KeyValue;
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, Revision};

/// How many revisions back the key space is known. Responses are rarely more than a few seconds of writes behind the
/// collectors; older ones are counted and not judged.
pub const WINDOW: Revision = 32_768;

/// An empty key space has revision 1: the first revision with an event is the next.
pub const FIRST_REVISION: Revision = 2;

/// The key space, at any of the last revisions.
#[derive(Debug, Default)]
pub struct Versions {
    /// The versions of each key, oldest first and at least one; a version of 0 is a deletion.
    chains: FxHashMap<Blob, Vec<KeyValue>>,
    /// The keys of `chains`, in order, once a range of several keys was read: most reads are of a single key.
    ordered: OnceLock<BTreeSet<Blob>>,
    /// The last revision that was applied; 0 if the beginning of the key space, or everything, is missing.
    newest: Revision,
    /// Whether a revision is missing: later states are then unknown.
    broken: bool,
    changes_since_sweep: usize,
}

impl Versions {
    /// Applies a revision. After a gap nothing is applied any more, because the effect of the missing revisions is unknown.
    pub fn apply(&mut self, revision: Revision, events: &[WatchEvent], missing_before: u64) {
        let continues = if self.newest == 0 { revision == FIRST_REVISION } else { revision == self.newest + 1 };
        self.broken |= missing_before > 0 || !continues;
        if self.broken {
            return;
        }
        self.newest = revision;
        let oldest = self.oldest();
        for event in events {
            let Some(chain) = self.chains.get_mut(&event.kv.key) else {
                let key = event.kv.key.clone();
                if let Some(ordered) = self.ordered.get_mut() {
                    ordered.insert(key.clone());
                }
                self.chains.insert(key.clone(), vec![version(event, key)]);
                continue;
            };
            let key = chain.last().map_or_else(|| event.kv.key.clone(), |last| last.key.clone());
            chain.push(version(event, key));
            // Only when half of it is outdated: removing moves the rest, and a hot key has thousands of versions.
            if chain.get(chain.len() / 2).is_some_and(|middle| middle.mod_revision <= oldest) {
                drop_outdated(chain, oldest);
            }
        }
        self.changes_since_sweep += events.len();
        if self.changes_since_sweep > self.chains.len().max(1 << 16) {
            self.sweep();
        }
    }

    /// Whether the state at a revision is known.
    pub fn covers(&self, revision: Revision) -> bool {
        self.newest > 0 && revision >= self.oldest() && revision <= self.newest && revision >= FIRST_REVISION - 1
    }

    /// Whether a revision is missing, so that no later state will be known.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The last revision that is known.
    pub fn newest(&self) -> Revision {
        self.newest
    }

    /// A key at a revision that is [covered](Self::covers); `None` if it did not exist.
    pub fn get(&self, key: &[u8], revision: Revision) -> Option<&KeyValue> {
        self.chains.get(key).and_then(|chain| at(chain, revision))
    }

    /// The keys of a range, in order, at a revision that is [covered](Self::covers).
    pub fn range<'versions>(&'versions self, range: KeyRange<'versions>, revision: Revision) -> impl Iterator<Item = &'versions KeyValue> {
        self.range_by(range, move |_| revision)
    }

    /// The keys of a range, in order, each at its own revision.
    pub fn range_by<'versions>(
        &'versions self,
        range: KeyRange<'versions>,
        revision: impl Fn(&Blob) -> Revision,
    ) -> impl Iterator<Item = &'versions KeyValue> {
        self.chains(range).filter_map(move |chain| at(chain, revision(&chain.first()?.key)))
    }

    /// The first revision since which every change is still known.
    pub fn known_from(&self) -> Revision {
        self.oldest().max(FIRST_REVISION - 1) + 1
    }

    /// The known versions of each key of a range, oldest first; a version of 0 is a deletion.
    pub fn chains<'versions>(&'versions self, range: KeyRange<'versions>) -> impl Iterator<Item = &'versions [KeyValue]> {
        let single = if range.is_single() { self.chains.get(range.key) } else { None };
        let ordered = || self.ordered.get_or_init(|| self.chains.keys().cloned().collect());
        let several = (!range.is_single()).then(|| ordered().range::<[u8], _>(range.bounds())).into_iter().flatten();
        single.into_iter().chain(several.filter_map(|key| self.chains.get(key))).map(Vec::as_slice)
    }

    /// Whether a key ever had exactly this content, as far as is known.
    pub fn knows(&self, kv: &KeyValue) -> bool {
        self.chains.get(&kv.key).is_some_and(|chain| chain.contains(kv))
    }

    fn oldest(&self) -> Revision {
        self.newest.saturating_sub(WINDOW)
    }

    /// Drops versions that no revision within the window needs, without a look-up for each change.
    fn sweep(&mut self) {
        let oldest = self.oldest();
        self.changes_since_sweep = 0;
        let mut ordered = self.ordered.get_mut();
        self.chains.retain(|key, chain| {
            drop_outdated(chain, oldest);
            let gone = matches!(chain.as_slice(), [only] if only.version == 0 && only.mod_revision <= oldest);
            if let (true, Some(ordered)) = (gone, &mut ordered) {
                ordered.remove(key);
            }
            !gone
        });
    }
}

/// A range of keys as etcd names it.
#[derive(Clone, Copy, Debug)]
pub struct KeyRange<'key> {
    key: &'key [u8],
    end: &'key [u8],
}

impl<'key> KeyRange<'key> {
    /// `[key, end)`; an empty end is the single key, the byte 0 means "to the end".
    pub fn new(key: &'key Blob, end: &'key Blob) -> Self {
        Self { key: key.as_bytes(), end: end.as_bytes() }
    }

    /// Whether it contains a key.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self.end {
            [] => key == self.key,
            [0] => key >= self.key,
            end => key >= self.key && key < end,
        }
    }

    fn is_single(&self) -> bool {
        self.end.is_empty()
    }

    fn bounds(&self) -> (Bound<&'key [u8]>, Bound<&'key [u8]>) {
        let first = Bound::Included(self.key);
        match self.end {
            [] => (first, Bound::Included(self.key)),
            [0] => (first, Bound::Unbounded),
            // A range that ends before its start is empty.
            end if end <= self.key => (first, Bound::Excluded(self.key)),
            end => (first, Bound::Excluded(end)),
        }
    }
}

/// The version of a chain at a revision.
fn at(chain: &[KeyValue], revision: Revision) -> Option<&KeyValue> {
    // Usually it is one of the last; a hot key has thousands.
    const NEAR: usize = 16;
    let near = chain.iter().rev().take(NEAR).find(|version| version.mod_revision <= revision);
    let shown = near.or_else(|| chain.get(chain.partition_point(|version| version.mod_revision <= revision).checked_sub(1)?));
    shown.filter(|version| version.version != 0)
}

/// Drops the versions that no revision from `oldest` on needs.
fn drop_outdated(chain: &mut Vec<KeyValue>, oldest: Revision) {
    let shown = chain.partition_point(|version| version.mod_revision <= oldest);
    chain.drain(..shown.saturating_sub(1));
}

/// The key of an event, shared by all its versions.
fn version(event: &WatchEvent, key: Blob) -> KeyValue {
    let KeyValue { key: _, ref value, create_revision, mod_revision, version, lease } = event.kv;
    if event.deleted {
        KeyValue { key, mod_revision, ..KeyValue::default() }
    } else {
        KeyValue { key, value: value.clone(), create_revision, mod_revision, version, lease }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, revision: Revision, version: i64) -> WatchEvent {
        let kv = KeyValue { key: key.into(), value: "v".into(), create_revision: 2, mod_revision: revision, version, lease: 0 };
        WatchEvent::new(false, kv)
    }

    fn deleted(key: &str, revision: Revision) -> WatchEvent {
        WatchEvent::new(true, KeyValue { key: key.into(), mod_revision: revision, ..KeyValue::default() })
    }

    #[test]
    fn every_revision_shows_what_it_had() {
        let mut versions = Versions::default();
        versions.apply(2, &[put("a", 2, 1), put("c", 2, 1)], 0);
        versions.apply(3, &[put("a", 3, 2), put("b", 3, 1)], 0);
        versions.apply(4, &[deleted("a", 4)], 0);
        let (key, end) = ("a".into(), "c".into());
        let shown = |revision| versions.range(KeyRange::new(&key, &end), revision).map(|kv| (kv.key.to_text(), kv.version)).collect();
        let shown: [Vec<(String, i64)>; 4] = [1, 2, 3, 4].map(shown);
        assert_eq!(shown, [vec![], vec![("a".into(), 1)], vec![("a".into(), 2), ("b".into(), 1)], vec![("b".into(), 1)]]);
        assert_eq!((versions.get(b"a", 3).unwrap().version, versions.get(b"a", 4)), (2, None));
        assert!(versions.covers(1) && versions.covers(4) && !versions.covers(5) && !versions.covers(0));
    }

    #[test]
    fn nothing_is_known_behind_a_hole_nor_without_the_beginning() {
        let mut versions = Versions::default();
        versions.apply(2, &[put("a", 2, 1)], 0);
        versions.apply(4, &[put("a", 4, 2)], 1);
        versions.apply(5, &[put("a", 5, 3)], 0);
        assert!(versions.covers(2) && !versions.covers(4) && !versions.covers(5));
        let mut late = Versions::default();
        late.apply(7, &[put("a", 7, 1)], 0);
        late.apply(8, &[put("a", 8, 2)], 0);
        assert!(!late.covers(7) && !late.covers(8));
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut versions = Versions::default();
        versions.apply(2, &[put("gone", 2, 1)], 0);
        versions.apply(3, &[deleted("gone", 3)], 0);
        for revision in 4..4 * WINDOW {
            versions.apply(revision, &[put("hot", revision, revision), put("warm", revision, revision)], 0);
        }
        assert!(!versions.chains.contains_key(&Blob::from("gone")));
        assert!(versions.chains[&Blob::from("hot")].len() as Revision <= 2 * WINDOW + 2);
        let newest = versions.newest();
        assert!(versions.covers(newest - WINDOW) && !versions.covers(newest - WINDOW - 1));
        assert_eq!(versions.get(b"hot", newest - WINDOW).unwrap().mod_revision, newest - WINDOW);
    }

    #[test]
    fn ranges_show_keys_that_came_after_the_first_was_asked_for() {
        let mut versions = Versions::default();
        let names = |versions: &Versions, revision| {
            versions.range(KeyRange::new(&"a".into(), &"\0".into()), revision).map(|kv| kv.key.to_text()).collect::<Vec<_>>()
        };
        versions.apply(2, &[put("c", 2, 1)], 0);
        assert_eq!(names(&versions, 2), ["c"]);
        versions.apply(3, &[put("a", 3, 1), put("b", 3, 1)], 0);
        versions.apply(4, &[deleted("c", 4)], 0);
        assert_eq!((names(&versions, 3), names(&versions, 4)), (vec!["a".into(), "b".into(), "c".into()], vec!["a".into(), "b".into()]));
        versions.sweep();
        versions.apply(5, &[put("c", 5, 1)], 0);
        assert_eq!(names(&versions, 5), ["a", "b", "c"]);
    }

    #[test]
    fn ranges_are_those_of_etcd() {
        let contains = |key: &str, end: &[u8], of: &str| KeyRange::new(&key.into(), &end.into()).contains(of.as_bytes());
        assert!(contains("a", b"", "a") && !contains("a", b"", "aa"));
        assert!(contains("a", b"b", "aa") && !contains("a", b"b", "b"));
        assert!(contains("a", b"\0", "z") && !contains("b", b"\0", "a"));
        let mut versions = Versions::default();
        versions.apply(2, &[put("a", 2, 1)], 0);
        assert_eq!(versions.range(KeyRange::new(&"b".into(), &"a".into()), 2).count(), 0);
    }
}
