//! A cache of audited values. Nearly always every member has the same value in every audit, so it is parsed once. Further
//! members that have it are noted for the value, and added to its orders at the end.
//!
//! Members are read in the order of the keys, so the next value is nearly always the one after the last.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::replica_set::ReplicaSet;
use crate::core::audits::MemberSet;
use ticketcd_history::audit::AuditStage;
use ticketcd_history::{Blob, OrderKey};

/// The last correct value of each key.
#[derive(Debug, Default)]
pub(super) struct ValueCache {
    values: Vec<ReadValue>,
    /// By the hash of the key. Of two keys with the same hash only the first is found; the other is parsed each time.
    positions: FxHashMap<u64, usize>,
    /// Where the next value is expected.
    next: usize,
}

/// A value with its orders of this run.
#[derive(Debug)]
struct ReadValue {
    key: Blob,
    value: Blob,
    orders: Box<[OrderKey]>,
    /// The members that have it; and those already added to its orders.
    had: ReplicaSet,
    reported: ReplicaSet,
}

/// The result of a look-up.
#[derive(Debug)]
pub(super) enum Noted {
    /// The same value was read before: it need not be parsed.
    Same,
    /// It differs from the value that was read before, or the member had it already. The members of the earlier value must
    /// still be added to its orders.
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

    /// Adds a value that was parsed and whose orders include this member.
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

    /// The members that must still be added to the orders of all values.
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

/// Members of a value that must still be added to its orders.
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
