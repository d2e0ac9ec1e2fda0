//! Leases: until when each is owed, and whether a key that goes away with one went too early.
//!
//! A lease is owed for the time that was granted, counted from when the last grant or keep-alive that was acknowledged was
//! sent: etcd begins to count when it carries it out, which is later. A deletion is received after it happened. So a
//! deletion that is received before that moment, and that nobody asked for, is an early expiry. How late a lease expires is
//! not promised.
//!
//! Source: etcd's API guarantees (a lease lives at least for its TTL). Leases are counted by the leader: across a change of
//! leader an early expiry is only counted, because a keep-alive may have been answered by a leader that was one no more.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::core::check::{Observation, SequencedRevision};
use crate::core::verdict::Anomaly;
use ticketcd_history::call::{CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{AnswerBody, Delete, Request, Txn, TxnOp, lock_key};
use ticketcd_history::{Blob, Nanos, Revision, seconds};

const NANOS_PER_SECOND: Nanos = 1_000_000_000;

/// The leases of one family of keys.
#[derive(Debug)]
pub(crate) struct LeaseBook {
    /// Which keys it is about.
    concerns: fn(&[u8]) -> bool,
    prefix: usize,
    leases: FxHashMap<i64, Renewal>,
    attached: FxHashMap<Blob, i64>,
    /// Deletions of attached keys whose author is not known.
    deletions: BTreeMap<Revision, Vec<Deletion>>,
    /// Revisions by which acknowledged calls deleted keys, and which the log has not reached.
    authored: FxHashSet<Revision>,
    /// Leases whose end was asked for, and when first.
    revoked: FxHashMap<i64, Nanos>,
    /// Deletions that were asked for, when first, and that may or may not have happened.
    uncertain_keys: FxHashMap<Blob, Nanos>,
    uncertain_ranges: Vec<(Delete, Nanos)>,
    terms: Terms,
}

/// The last time a lease was granted or kept alive.
#[derive(Clone, Copy, Debug)]
struct Renewal {
    sent: Nanos,
    owed_until: Nanos,
}

#[derive(Debug)]
struct Deletion {
    key: Blob,
    lease: i64,
    at: Nanos,
}

/// What became of the leases.
#[derive(Debug, Default)]
pub(crate) struct Expiries {
    /// Those that were held against the time that was owed.
    pub(crate) judged: u64,
    /// Those that came too early, with when.
    pub(crate) early: Vec<(Nanos, Anomaly)>,
    /// Those that came too early across a change of leader.
    pub(crate) early_across_leader_change: u64,
}

impl LeaseBook {
    /// Of the keys under `prefix`, those that `concerns` says of what follows it.
    pub(crate) fn new(prefix: &str, concerns: fn(&[u8]) -> bool) -> Self {
        Self {
            concerns,
            prefix: prefix.len(),
            leases: FxHashMap::default(),
            attached: FxHashMap::default(),
            deletions: BTreeMap::new(),
            authored: FxHashSet::default(),
            revoked: FxHashMap::default(),
            uncertain_keys: FxHashMap::default(),
            uncertain_ranges: Vec::new(),
            terms: Terms::default(),
        }
    }

    pub(crate) fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Call(invoke, returned) => self.call(invoke, *returned),
            Observation::Revision(revision) => self.revision(revision),
            Observation::Event(Event::Sample(sample)) => {
                if let Some(status) = &sample.status {
                    self.terms.seen(status.raft_term, sample.at);
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, invoke: &Invoke, returned: Option<&Return>) {
        if let Request::LeaseRevoke { id } = invoke.request {
            let first = self.revoked.entry(id).or_insert(invoke.sent);
            *first = invoke.sent.min(*first);
        }
        let answered = returned.and_then(|returned| match &returned.outcome {
            CallOutcome::Ok(answer) => Some((returned, answer)),
            CallOutcome::Refused { .. } | CallOutcome::Unknown { .. } => None,
        });
        let Some((returned, answer)) = answered else {
            // etcd takes a lock call that was given up out of the queue itself: it deletes the key.
            if let Request::Lock { name, lease } = &invoke.request {
                let first = self.uncertain_keys.entry(lock_key(name, *lease)).or_insert(invoke.sent);
                *first = invoke.sent.min(*first);
            }
            for delete in deletions(&invoke.request) {
                if !self.is_concerned(delete) {
                    continue;
                }
                if delete.range_end.is_empty() {
                    let first = self.uncertain_keys.entry(delete.key.clone()).or_insert(invoke.sent);
                    *first = invoke.sent.min(*first);
                } else {
                    self.uncertain_ranges.push((delete.clone(), invoke.sent));
                }
            }
            return;
        };
        self.terms.seen(answer.raft_term, returned.done);
        if let (Request::LeaseGrant { .. } | Request::LeaseKeepAlive { .. }, AnswerBody::Lease { id, ttl }) =
            (&invoke.request, &answer.body)
            && let Ok(ttl) = Nanos::try_from(*ttl)
            && ttl > 0
        {
            let owed_until = invoke.sent.saturating_add(ttl.saturating_mul(NANOS_PER_SECOND));
            let renewal = self.leases.entry(*id).or_insert(Renewal { sent: invoke.sent, owed_until });
            if owed_until > renewal.owed_until {
                *renewal = Renewal { sent: invoke.sent, owed_until };
            }
        }
        let deletes = answer.wrote() && deletions(&invoke.request).any(|delete| self.is_concerned(delete));
        if deletes && self.deletions.remove(&answer.revision).is_none() {
            self.authored.insert(answer.revision);
        }
    }

    fn revision(&mut self, revision: &SequencedRevision<'_>) {
        // What a key is attached to is not known after a hole.
        if revision.after_hole {
            return;
        }
        let authored = self.authored.remove(&revision.revision);
        for event in revision.events {
            let key = &event.kv.key;
            if !self.concerns_key(key.as_bytes()) {
                continue;
            }
            if !event.deleted {
                self.attached.insert(key.clone(), event.kv.lease);
            } else if let Some(lease) = self.attached.remove(key)
                && lease != 0
                && !authored
            {
                let deletion = Deletion { key: key.clone(), lease, at: revision.at };
                self.deletions.entry(revision.revision).or_default().push(deletion);
            }
        }
    }

    /// What became of them, at the end of the record.
    pub(crate) fn finish(self) -> Expiries {
        let mut expiries = Expiries::default();
        for (revision, deletion) in
            self.deletions.iter().flat_map(|(revision, deletions)| deletions.iter().map(move |one| (*revision, one)))
        {
            let Some(renewal) = self.leases.get(&deletion.lease).filter(|_| !self.is_asked_for(deletion)) else { continue };
            expiries.judged += 1;
            if deletion.at >= renewal.owed_until {
                continue;
            }
            if self.terms.may_change_within(renewal.sent, deletion.at) {
                expiries.early_across_leader_change += 1;
            } else {
                expiries.early.push((deletion.at, deletion.tell(revision, *renewal)));
            }
        }
        expiries
    }

    /// Whether somebody may have asked for the deletion before it was seen.
    fn is_asked_for(&self, Deletion { key, lease, at }: &Deletion) -> bool {
        let before = |sent: Option<&Nanos>| sent.is_some_and(|sent| sent <= at);
        let in_range = |delete: &Delete| *key >= delete.key && (delete.range_end.as_bytes() == [0] || *key < delete.range_end);
        before(self.revoked.get(lease))
            || before(self.uncertain_keys.get(key))
            || self.uncertain_ranges.iter().any(|(delete, sent)| sent <= at && in_range(delete))
    }

    fn concerns_key(&self, key: &[u8]) -> bool {
        key.get(self.prefix..).is_some_and(self.concerns)
    }

    /// A deletion of a range may hit any key.
    fn is_concerned(&self, delete: &Delete) -> bool {
        !delete.range_end.is_empty() || self.concerns_key(delete.key.as_bytes())
    }
}

impl Deletion {
    fn tell(&self, revision: Revision, renewal: Renewal) -> Anomaly {
        let (key, early) = (self.key.to_text(), renewal.owed_until.saturating_sub(self.at));
        Anomaly {
            story: vec![
                format!(
                    "At revision {revision} ({:.3} s) {key} was gone, although nobody had deleted it: its lease {:x} had expired.",
                    seconds(self.at),
                    self.lease
                ),
                format!(
                    "The last grant or keep-alive of that lease that was acknowledged was sent at {:.3} s, so it was owed until {:.3} s: it expired {:.3} s too early, under one and the same leader.",
                    seconds(renewal.sent),
                    seconds(renewal.owed_until),
                    seconds(early),
                ),
            ],
            severity: early / 1_000_000,
            revision: Some(revision),
            keys: vec![key],
            ..Anomaly::default()
        }
    }
}

/// The raft terms that were seen. A term has one leader at most.
#[derive(Debug, Default)]
struct Terms {
    newest: u64,
    last_seen: Nanos,
    /// Between when and when the term rose.
    changes: Vec<(Nanos, Nanos)>,
}

impl Terms {
    fn seen(&mut self, term: u64, at: Nanos) {
        if term > self.newest {
            if self.newest > 0 {
                self.changes.push((self.last_seen, at));
            }
            self.newest = term;
        }
        if term == self.newest {
            self.last_seen = self.last_seen.max(at);
        }
    }

    /// Whether the leader may have changed meanwhile, as far as is known.
    fn may_change_within(&self, from: Nanos, until: Nanos) -> bool {
        self.last_seen < until || self.changes.iter().any(|(last_of_old, first_of_new)| *last_of_old <= until && *first_of_new >= from)
    }
}

/// The deletions that a request asks for.
fn deletions(request: &Request) -> impl Iterator<Item = &Delete> {
    let (single, txn) = match request {
        Request::Delete(delete) => (Some(delete), None),
        Request::Txn(txn) => (None, Some(txn)),
        _ => (None, None),
    };
    let of_txn = txn.into_iter().flat_map(Txn::operations);
    single.into_iter().chain(of_txn.filter_map(|operation| match operation {
        TxnOp::Delete(delete) => Some(delete),
        TxnOp::Range(_) | TxnOp::Put(_) | TxnOp::Txn(_) => None,
    }))
}
