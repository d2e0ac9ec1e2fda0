//! The simulated cluster: a key space by revision, leases, and members with a collector each. Every synthetic run is executed
//! on it, whatever the strategy, and so are the small histories that tests are written with.
//!
//! It keeps etcd's promises. A mutation breaks one of them, from outside: by executing a branch
//! whose compares do not hold, by responding without executing, by editing a response, a delivery or an audit.

mod audit;
mod delivery;
mod execute;
mod key_space;
mod leases;
mod members;
mod outcome;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use self::delivery::{DELIVERY_MUTATIONS, mutate_delivery};
use self::key_space::KeySpace;
use self::leases::Lease;
use self::members::Member;
pub use self::outcome::RequestOutcome;
use ticketcd_history::call::CallOutcome;
use ticketcd_history::request::{Answer, AnswerBody, KeyValue, Put};
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, MemberIndex, Revision};

/// Replaced values that are kept where a run may be of any size: staleness reaches back no further.
pub(crate) const RETAINED: usize = 2_048;

/// The first lease that the cluster chooses itself.
const FIRST_LEASE: i64 = 0x7001;

/// A cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    keys: KeySpace,
    leases: BTreeMap<i64, Lease>,
    next_lease: i64,
    members: Vec<Member>,
    subscriptions: u32,
    /// The revisions that not every collector has delivered yet.
    log: VecDeque<(Revision, Vec<WatchEvent>)>,
    raft_term: u64,
    /// What the hashes of the key space are computed from, beside its revision.
    seed: u64,
}

impl Cluster {
    /// A cluster without keys, which keeps so many replaced values.
    pub(crate) fn new(members: u8, seed: u64, retained: usize) -> Self {
        Self {
            keys: KeySpace::new(retained),
            leases: BTreeMap::new(),
            next_lease: FIRST_LEASE,
            members: vec![Member::default(); usize::from(members)],
            subscriptions: 0,
            log: VecDeque::new(),
            raft_term: 2,
            seed,
        }
    }

    /// The revision of the last write.
    pub(crate) fn revision(&self) -> Revision {
        self.keys.revision()
    }

    /// The current value of a key.
    pub(crate) fn get(&self, key: &Blob) -> Option<&KeyValue> {
        self.keys.get(key.as_bytes())
    }

    /// The value of a key at a revision, when that is kept.
    pub(crate) fn get_at(&self, key: &Blob, revision: Revision) -> Option<&KeyValue> {
        self.keys.get_at(key, revision)
    }

    /// The value that the last write of a key replaced, when that is kept.
    pub(crate) fn previous(&self, key: &Blob) -> Option<&KeyValue> {
        self.keys.previous(key)
    }

    /// The revision of the last write of a key; 0 when it does not exist.
    pub(crate) fn written(&self, key: &Blob) -> Revision {
        self.get(key).map_or(0, |kv| kv.mod_revision)
    }

    /// The current keys of a range, in order.
    pub(crate) fn range(&self, key: &Blob, range_end: &Blob) -> Vec<&KeyValue> {
        self.keys.range(key, range_end)
    }

    /// Every key in order.
    pub(crate) fn content(&self) -> Vec<KeyValue> {
        self.keys.all().into_iter().cloned().collect()
    }

    /// One revision that no request asked for; `None` deletes.
    pub(crate) fn write(&mut self, writes: Vec<(Blob, Option<Put>)>) -> Revision {
        for (key, put) in writes {
            match put {
                Some(put) => self.keys.put(&key, put.value, put.lease),
                None => {
                    self.keys.delete(&key);
                }
            }
        }
        self.commit();
        self.revision()
    }

    /// A response of a member.
    pub(crate) fn answer(&self, member: MemberIndex, revision: Revision, body: AnswerBody) -> CallOutcome {
        CallOutcome::Ok(Answer { member_id: member_id(member), revision, raft_term: self.raft_term, body })
    }

    /// The members elect another leader: the raft term rises.
    pub(crate) fn change_leader(&mut self) {
        self.raft_term += 1;
    }

    fn commit(&mut self) {
        let changes = self.keys.commit();
        if !changes.is_empty() {
            self.log.push_back((self.revision(), changes));
        }
    }
}

/// etcd's id of a simulated member.
pub(crate) fn member_id(member: MemberIndex) -> u64 {
    0x1000 + u64::from(member.0)
}
