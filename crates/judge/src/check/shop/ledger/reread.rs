//! Values that several members hold alike. Nearly always every member has the same, in every audit: a value that was taken
//! apart once need not be taken apart again. Who else has it is noted once for the value, and told to its orders at the end.
//!
//! Members are read key by key in the same order, so that the next value is nearly always the one behind the last.

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::check::audits::MemberSet;
use crate::history::audit::AuditStage;
use crate::model::{Blob, OrderKey};

/// The values that were read last of each key, when nothing was wrong with them.
#[derive(Debug, Default)]
pub(super) struct Reread {
    values: Vec<ReadValue>,
    /// By the hash of the key. Of two keys with one hash only the first is found again; the other is taken apart each time.
    places: FxHashMap<u64, usize>,
    /// Where the next value is expected.
    next: usize,
}

/// A value, and the orders of this run in it.
#[derive(Debug)]
pub(super) struct ReadValue {
    pub(super) key: Blob,
    pub(super) value: Blob,
    pub(super) orders: Box<[OrderKey]>,
    /// Who had it, by audit; and of these, whom its orders know of.
    had: [MemberSet; 2],
    told: [MemberSet; 2],
}

impl Reread {
    /// Notes that a member has this value, too. False when the value has to be taken apart: it is another one than was read
    /// before, or the member was seen to have it already.
    pub(super) fn note(&mut self, key: &Blob, value: &Blob, stage: AuditStage, member: MemberSet) -> bool {
        let Some(read) = self.find(key).and_then(|place| self.values.get_mut(place)) else { return false };
        let had = &mut read.had[number(stage)];
        if read.value != *value || *had & member != 0 {
            return false;
        }
        *had |= member;
        true
    }

    /// Keeps a value that was taken apart and whose orders know that this member has it.
    pub(super) fn keep(&mut self, key: &Blob, value: &Blob, orders: Box<[OrderKey]>, stage: AuditStage, member: MemberSet) {
        let mut had = [0; 2];
        had[number(stage)] = member;
        let read = ReadValue { key: key.clone(), value: value.clone(), orders, had, told: had };
        match self.find(key) {
            Some(place) => self.values[place] = read,
            None => {
                self.places.entry(hash(key)).or_insert(self.values.len());
                self.values.push(read);
                self.next = self.values.len();
            }
        }
    }

    /// What the orders of a key's value are still to be told. Asked before that value is given up for another.
    pub(super) fn take_untold(&mut self, key: &Blob) -> Option<Untold> {
        let place = self.find(key)?;
        self.values.get_mut(place)?.take_untold()
    }

    /// The same of all values, one after the other.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Untold> + use<> {
        std::mem::take(self).values.into_iter().filter_map(|mut read| read.take_untold())
    }

    fn find(&mut self, key: &Blob) -> Option<usize> {
        let is_next = self.values.get(self.next).is_some_and(|read| read.key == *key);
        let place = if is_next { self.next } else { *self.places.get(&hash(key))? };
        self.next = place + 1;
        self.values.get(place).is_some_and(|read| read.key == *key).then_some(place)
    }
}

/// Members that have a value, which its orders do not know of.
#[derive(Debug)]
pub(super) struct Untold {
    pub(super) key: Blob,
    pub(super) value: Blob,
    pub(super) orders: Box<[OrderKey]>,
    pub(super) members: [(AuditStage, MemberSet); 2],
}

impl ReadValue {
    fn take_untold(&mut self) -> Option<Untold> {
        let untold = |stage| (stage, self.had[number(stage)] & !self.told[number(stage)]);
        let members = [untold(AuditStage::Healed), untold(AuditStage::Restarted)];
        if members.iter().all(|(_, members)| *members == 0) {
            return None;
        }
        self.told = self.had;
        Some(Untold { key: self.key.clone(), value: self.value.clone(), orders: self.orders.clone(), members })
    }
}

fn hash(key: &Blob) -> u64 {
    FxBuildHasher.hash_one(key)
}

fn number(stage: AuditStage) -> usize {
    match stage {
        AuditStage::Healed => 0,
        AuditStage::Restarted => 1,
    }
}
