//! Values that several members hold alike. Nearly always every member has the same, in every audit: a value that was taken
//! apart once need not be taken apart again. Who else has it is noted once for the value, and told to its orders at the end.
//!
//! Members are read key by key in the same order, so that the next value is nearly always the one behind the last.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::replica_set::ReplicaSet;
use crate::core::audits::MemberSet;
use ticketcd_history::audit::AuditStage;
use ticketcd_history::{Blob, OrderKey};

/// The values that were read last of each key, when nothing was wrong with them.
#[derive(Debug, Default)]
pub(super) struct ValueCache {
    values: Vec<ReadValue>,
    /// By the hash of the key. Of two keys with one hash only the first is found again; the other is taken apart each time.
    positions: FxHashMap<u64, usize>,
    /// Where the next value is expected.
    next: usize,
}

/// A value, and the orders of this run in it.
#[derive(Debug)]
struct ReadValue {
    key: Blob,
    value: Blob,
    orders: Box<[OrderKey]>,
    /// Who had it; and of these, whom its orders know of.
    had: ReplicaSet,
    reported: ReplicaSet,
}

/// What is known of a value that a member has.
#[derive(Debug)]
pub(super) enum Noted {
    /// Others have it, too: it need not be taken apart.
    Same,
    /// It is another one than was read before, or the member was seen to have it already. The orders of the one that was read
    /// before are still to be told this.
    Other(Option<Update>),
}

impl ValueCache {
    /// Notes that a member has a value.
    pub(super) fn note(&mut self, key: &Blob, value: &Blob, stage: AuditStage, member: MemberSet) -> Noted {
        let Some(read) = self.find(key).and_then(|place| self.values.get_mut(place)) else { return Noted::Other(None) };
        if read.value != *value || read.had.of(stage) & member != 0 {
            return Noted::Other(read.take_update());
        }
        read.had.add(stage, member);
        Noted::Same
    }

    /// Keeps a value that was taken apart and whose orders know that this member has it.
    pub(super) fn keep(&mut self, key: &Blob, value: &Blob, orders: Box<[OrderKey]>, stage: AuditStage, member: MemberSet) {
        let mut had = ReplicaSet::default();
        had.add(stage, member);
        let read = ReadValue { key: key.clone(), value: value.clone(), orders, had, reported: had };
        match self.positions.entry(hash(key)) {
            Entry::Occupied(place) if self.values[*place.get()].key == *key => self.values[*place.get()] = read,
            Entry::Occupied(_) => self.values.push(read),
            Entry::Vacant(place) => {
                place.insert(self.values.len());
                self.values.push(read);
                self.next = self.values.len();
            }
        }
    }

    /// What the orders of all values are still to be told.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Update> + use<> {
        std::mem::take(self).values.into_iter().filter_map(|mut read| read.take_update())
    }

    fn find(&mut self, key: &Blob) -> Option<usize> {
        let is_next = self.values.get(self.next).is_some_and(|read| read.key == *key);
        let place = if is_next { self.next } else { *self.positions.get(&hash(key))? };
        self.next = place + 1;
        self.values.get(place).is_some_and(|read| read.key == *key).then_some(place)
    }
}

/// Members that have a value, which its orders do not know of.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) key: Blob,
    pub(super) value: Blob,
    pub(super) orders: Box<[OrderKey]>,
    pub(super) members: [(AuditStage, MemberSet); 2],
}

impl ReadValue {
    fn take_update(&mut self) -> Option<Update> {
        if self.had == self.reported {
            return None;
        }
        let members = ReplicaSet::STAGES.map(|stage| (stage, self.had.of(stage) & !self.reported.of(stage)));
        self.reported = self.had;
        Some(Update { key: self.key.clone(), value: self.value.clone(), orders: self.orders.clone(), members })
    }
}

fn hash(key: &Blob) -> u64 {
    FxBuildHasher.hash_one(key)
}
