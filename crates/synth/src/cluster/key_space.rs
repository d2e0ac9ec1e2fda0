//! The key space of the simulated cluster, by revision.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use ticketcd_history::request::KeyValue;
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, Revision};

/// Keys with their values: the current ones, and those that the last writes replaced.
#[derive(Debug)]
pub(crate) struct KeySpace {
    revision: Revision,
    current: FxHashMap<Blob, KeyValue>,
    /// The current keys in order, from the first range on: most runs read single keys only.
    order: OnceCell<BTreeSet<Blob>>,
    /// The keys that were attached to a lease, by lease. Some may be attached to another one by now.
    attached: FxHashMap<i64, Vec<Blob>>,
    /// What writes replaced, in the order of the writes.
    replaced: VecDeque<Replaced>,
    /// How many replaced values are kept.
    retained: usize,
    /// The changes of the revision that is being written.
    changes: Vec<WatchEvent>,
}

/// What a write replaced.
#[derive(Debug)]
struct Replaced {
    /// The revision of the write.
    revision: Revision,
    key: Blob,
    /// The value before; none when the key did not exist.
    before: Option<KeyValue>,
}

impl KeySpace {
    /// An empty key space, which keeps so many replaced values.
    pub(crate) fn new(retained: usize) -> Self {
        Self {
            revision: 1,
            current: FxHashMap::default(),
            order: OnceCell::new(),
            attached: FxHashMap::default(),
            replaced: VecDeque::new(),
            retained,
            changes: Vec::new(),
        }
    }

    /// The revision of the last write that was committed.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether the transaction that is being executed has written anything.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The current value of a key, writes of the transaction that is being executed included.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&KeyValue> {
        self.current.get(key)
    }

    /// The value that the last write of a key replaced, when it is kept.
    pub(crate) fn previous(&self, key: &Blob) -> Option<&KeyValue> {
        let written = self.current.get(key)?.mod_revision;
        self.since(written - 1).find(|replaced| replaced.key == *key)?.before.as_ref()
    }

    /// The value of a key at a revision.
    pub(crate) fn get_at(&self, key: &Blob, revision: Revision) -> Option<&KeyValue> {
        match self.current.get(key) {
            Some(kv) if kv.mod_revision <= revision => Some(kv),
            current if revision >= self.revision && !self.has_changes() => current,
            _ => self.since(revision).filter(|replaced| replaced.key == *key).last()?.before.as_ref(),
        }
    }

    /// The current keys of a range, in order.
    pub(crate) fn range(&self, key: &Blob, range_end: &Blob) -> Vec<&KeyValue> {
        self.range_at(key, range_end, Revision::MAX)
    }

    /// The keys of a range at a revision, in order.
    pub(crate) fn range_at(&self, key: &Blob, range_end: &Blob, revision: Revision) -> Vec<&KeyValue> {
        if range_end.is_empty() {
            return self.get_at(key, revision).into_iter().collect();
        }
        let within = |of: &Blob| of >= key && (range_end.as_bytes() == [0] || of < range_end);
        let mut found: BTreeMap<&Blob, Option<&KeyValue>> = BTreeMap::new();
        for key in self.order().range(key.clone()..).take_while(|key| within(key)) {
            found.insert(key, self.current.get(key));
        }
        for replaced in self.since(revision).filter(|replaced| within(&replaced.key)) {
            found.insert(&replaced.key, replaced.before.as_ref());
        }
        found.into_values().flatten().collect()
    }

    /// Every key in order.
    pub(crate) fn all(&self) -> Vec<&KeyValue> {
        let mut kvs: Vec<&KeyValue> = self.current.values().collect();
        kvs.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        kvs
    }

    /// The keys that are attached to a lease, in order.
    pub(crate) fn attached(&self, lease: i64) -> Vec<Blob> {
        let mut keys = self.attached.get(&lease).cloned().unwrap_or_default();
        keys.retain(|key| self.current.get(key).is_some_and(|kv| kv.lease == lease));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Nothing is attached to a lease any more.
    pub(crate) fn forget_lease(&mut self, lease: i64) {
        self.attached.remove(&lease);
    }

    /// Writes a key, as part of the next revision.
    pub(crate) fn put(&mut self, key: &Blob, value: Blob, lease: i64) {
        let mod_revision = self.revision + 1;
        if lease != 0 {
            self.attached.entry(lease).or_default().push(key.clone());
        }
        let mut kv = KeyValue { key: key.clone(), value, create_revision: mod_revision, mod_revision, version: 1, lease };
        let before = match self.current.get_mut(key) {
            Some(current) => {
                (kv.create_revision, kv.version) = (current.create_revision, current.version + 1);
                Some(std::mem::replace(current, kv.clone()))
            }
            None => {
                if let Some(order) = self.order.get_mut() {
                    order.insert(key.clone());
                }
                self.current.insert(key.clone(), kv.clone());
                None
            }
        };
        self.changes.push(WatchEvent::new(false, kv));
        self.replaced(key.clone(), before);
    }

    /// Deletes a key, as part of the next revision. Says whether there was one.
    pub(crate) fn delete(&mut self, key: &Blob) -> bool {
        let Some(before) = self.current.remove(key) else { return false };
        if let Some(order) = self.order.get_mut() {
            order.remove(key);
        }
        self.changes.push(WatchEvent::new(true, KeyValue { key: key.clone(), mod_revision: self.revision + 1, ..KeyValue::default() }));
        self.replaced(key.clone(), Some(before));
        true
    }

    /// Ends the revision that is being written: its changes. Without any there is no new revision.
    pub(crate) fn commit(&mut self) -> Vec<WatchEvent> {
        let changes = std::mem::take(&mut self.changes);
        self.revision += Revision::from(!changes.is_empty());
        changes
    }

    fn order(&self) -> &BTreeSet<Blob> {
        self.order.get_or_init(|| self.current.keys().cloned().collect())
    }

    fn replaced(&mut self, key: Blob, before: Option<KeyValue>) {
        if self.replaced.len() >= self.retained {
            self.replaced.pop_front();
        }
        self.replaced.push_back(Replaced { revision: self.revision + 1, key, before });
    }

    /// What writes after a revision replaced, the last write first.
    fn since(&self, revision: Revision) -> impl Iterator<Item = &Replaced> {
        self.replaced.iter().rev().take_while(move |replaced| replaced.revision > revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kvs: &[&KeyValue]) -> Vec<(String, String, i64)> {
        kvs.iter().map(|kv| (kv.key.to_text(), kv.value.to_text(), kv.version)).collect()
    }

    #[test]
    fn keys_can_be_read_at_every_revision_that_is_kept() {
        let mut keys = KeySpace::new(usize::MAX);
        let (a, b) = (Blob::from("a"), Blob::from("b"));
        keys.put(&a, "1".into(), 0);
        keys.put(&b, "1".into(), 7);
        assert_eq!(keys.commit().len(), 2);
        keys.put(&a, "2".into(), 0);
        keys.commit();
        keys.delete(&b);
        keys.commit();
        keys.put(&b, "3".into(), 0);
        assert!(!keys.commit().is_empty() && keys.commit().is_empty());
        assert_eq!(keys.revision(), 5);
        let at = |revision| text(&keys.range_at(&a, &"c".into(), revision));
        let of = |key: &str, value: &str, version| (key.to_owned(), value.to_owned(), version);
        assert_eq!(at(1), []);
        assert_eq!(at(2), [of("a", "1", 1), of("b", "1", 1)]);
        assert_eq!(at(3), [of("a", "2", 2), of("b", "1", 1)]);
        assert_eq!(at(4), [of("a", "2", 2)]);
        assert_eq!(at(5), [of("a", "2", 2), of("b", "3", 1)]);
        assert_eq!(keys.get_at(&b, 3).map(|kv| kv.version), Some(1));
        assert_eq!(keys.get_at(&b, 4), None);
        assert_eq!(keys.previous(&a).map(|kv| kv.value.to_text()), Some("1".to_owned()));
        assert_eq!((keys.previous(&b), keys.attached(7)), (None, Vec::new()));
    }

    #[test]
    fn replaced_values_are_kept_up_to_a_number() {
        let mut keys = KeySpace::new(2);
        let a = Blob::from("a");
        for number in 0..5 {
            keys.put(&a, number.to_string().as_str().into(), 0);
            keys.commit();
        }
        assert_eq!(keys.previous(&a).map(|kv| kv.version), Some(4));
        assert_eq!(keys.replaced.len(), 2);
    }
}
