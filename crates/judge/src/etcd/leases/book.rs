//! Until when each lease must live, and what contradicts that.
//!
//! A lease must live for the granted time, counted from when the last acknowledged grant or keep-alive was sent: etcd starts
//! to count when it applies it, which is later. Two things contradict that: the deletion of an attached key that no client
//! requested, and a response that the lease does not exist, if either is received before that time. etcd does not promise how
//! soon a lease expires afterwards.

use std::collections::BTreeMap;
use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};

use super::terms::Terms;
use crate::core::check::{Observation, SequencedRevision};
use crate::core::verdict::Anomaly;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{Answer, AnswerBody, Delete, Request, Txn, TxnOp, lock_key};
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision, seconds};

const NANOS_PER_SECOND: Nanos = 1_000_000_000;

/// The name of the gRPC code for a lease that does not exist.
const NOT_FOUND: &str = "NotFound";

/// The leases of a run.
#[derive(Debug, Default)]
pub(super) struct LeaseBook {
    leases: FxHashMap<i64, Lease>,
    /// The keys that are attached to a lease.
    attached: FxHashMap<Blob, i64>,
    /// Deletions of attached keys whose author is unknown.
    deletions: BTreeMap<Revision, Vec<Deletion>>,
    /// Revisions in which acknowledged calls deleted keys and which the log has not reached.
    authored: FxHashSet<Revision>,
    /// Responses that a lease does not exist, while it had to live.
    denials: Vec<Denial>,
    /// Leases whose revocation was requested, and when it was first.
    revoked: FxHashMap<i64, Nanos>,
    /// Deletions with an unknown outcome, and when they were first requested.
    uncertain_keys: FxHashMap<Blob, Nanos>,
    uncertain_ranges: Vec<(Delete, Nanos)>,
    terms: Terms,
    /// Responses that show whether a lease still exists: all that name one, except its grant.
    pub(super) responses: u64,
    /// Writes of a key that attached it to a lease.
    pub(super) keys_attached: u64,
}

/// A lease.
#[derive(Clone, Copy, Debug)]
struct Lease {
    /// The renewal with the latest expiry.
    renewal: Renewal,
    /// Acknowledged grants: with more than one, an id names several leases, and nothing is certain.
    grants: u32,
}

/// A grant or keep-alive that was acknowledged.
#[derive(Clone, Copy, Debug)]
struct Renewal {
    sent: Nanos,
    done: Nanos,
    owed_until: Nanos,
}

#[derive(Debug)]
struct Deletion {
    key: Blob,
    lease: i64,
    at: Nanos,
}

/// A response that a lease does not exist.
#[derive(Debug)]
struct Denial {
    lease: i64,
    call: CallId,
    member: MemberIndex,
    done: Nanos,
    renewal: Renewal,
}

/// The result for all leases.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    /// Leases that were granted.
    pub(super) leases: u64,
    /// Expiries that were compared with the granted time.
    pub(super) judged: u64,
    /// Those that came too early, with when.
    pub(super) early: Vec<(Nanos, Anomaly)>,
    /// Leases that a response denied while they had to live, with when.
    pub(super) lost: Vec<(Nanos, Anomaly)>,
    /// Those of both that may have happened across a change of leader.
    pub(super) across_leader_change: u64,
}

impl LeaseBook {
    pub(super) fn observe(&mut self, observation: &Observation<'_>) {
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

    /// Whether the run shows how long any lease lived. A grant alone does not.
    pub(super) fn is_used(&self) -> bool {
        self.responses + self.keys_attached > 0
    }

    fn call(&mut self, invoke: &Invoke, returned: Option<&Return>) {
        if let Request::LeaseRevoke { id } = invoke.request {
            note_first(&mut self.revoked, id, invoke.sent);
        }
        match returned.map(|returned| (returned, &returned.outcome)) {
            Some((returned, CallOutcome::Ok(answer))) => self.answered(invoke, returned.done, answer),
            Some((returned, CallOutcome::Refused { code, .. })) => {
                if let (Some(lease), true) = (named_lease(&invoke.request), code == NOT_FOUND) {
                    self.denied(lease, invoke, returned.done);
                }
                self.note_uncertain(invoke);
            }
            Some((_, CallOutcome::Unknown { .. })) | None => self.note_uncertain(invoke),
        }
    }

    fn answered(&mut self, invoke: &Invoke, done: Nanos, answer: &Answer) {
        self.terms.seen(answer.raft_term, done);
        match (&invoke.request, &answer.body) {
            (Request::LeaseGrant { .. } | Request::LeaseKeepAlive { .. }, AnswerBody::Lease { id, ttl }) => match Nanos::try_from(*ttl) {
                Ok(ttl) if ttl > 0 => self.renewed(*id, ttl, invoke, done),
                _ => self.denied(*id, invoke, done),
            },
            (Request::LeaseTimeToLive { .. }, AnswerBody::LeaseTimeToLive { id, ttl, .. }) => {
                if *ttl < 0 {
                    self.denied(*id, invoke, done);
                } else {
                    self.responses += 1;
                }
            }
            // Its response does not show whether it deleted the key.
            (Request::Unlock { .. }, _) => self.note_uncertain(invoke),
            (request, _) => self.responses += u64::from(named_lease(request).is_some()),
        }
        let deletes = answer.wrote() && deletions(&invoke.request).next().is_some();
        if deletes && self.deletions.remove(&answer.revision).is_none() {
            self.authored.insert(answer.revision);
        }
    }

    fn renewed(&mut self, id: i64, ttl: Nanos, invoke: &Invoke, done: Nanos) {
        let is_grant = matches!(invoke.request, Request::LeaseGrant { .. });
        self.responses += u64::from(!is_grant);
        let owed_until = invoke.sent.saturating_add(ttl.saturating_mul(NANOS_PER_SECOND));
        let renewal = Renewal { sent: invoke.sent, done, owed_until };
        let lease = self.leases.entry(id).or_insert(Lease { renewal, grants: 0 });
        lease.grants += u32::from(is_grant);
        if owed_until > lease.renewal.owed_until {
            lease.renewal = renewal;
        }
    }

    /// A response reports that a lease does not exist: at some time between the request and the response it did not.
    fn denied(&mut self, id: i64, invoke: &Invoke, done: Nanos) {
        self.responses += 1;
        let Some(Lease { renewal, .. }) = self.leases.get(&id) else { return };
        if renewal.done <= invoke.sent && done < renewal.owed_until {
            self.denials.push(Denial { lease: id, call: invoke.id, member: invoke.member, done, renewal: *renewal });
        }
    }

    /// What a request may have deleted, whatever its outcome.
    fn note_uncertain(&mut self, invoke: &Invoke) {
        // etcd itself removes a lock call that was given up from the queue: it deletes the key.
        let key = match &invoke.request {
            Request::Lock { name, lease } => Some(lock_key(name, *lease)),
            Request::Unlock { key } => Some(key.clone()),
            _ => None,
        };
        if let Some(key) = key {
            note_first(&mut self.uncertain_keys, key, invoke.sent);
        }
        for delete in deletions(&invoke.request) {
            if delete.range_end.is_empty() {
                note_first(&mut self.uncertain_keys, delete.key.clone(), invoke.sent);
            } else {
                self.uncertain_ranges.push((delete.clone(), invoke.sent));
            }
        }
    }

    fn revision(&mut self, revision: &SequencedRevision<'_>) {
        // After a gap, the lease of a key is unknown.
        if revision.after_hole {
            return;
        }
        let authored = self.authored.remove(&revision.revision);
        for event in revision.events {
            let key = &event.kv.key;
            if event.deleted {
                if let Some(lease) = self.attached.remove(key)
                    && !authored
                {
                    let deletion = Deletion { key: key.clone(), lease, at: revision.at };
                    self.deletions.entry(revision.revision).or_default().push(deletion);
                }
            } else if event.kv.lease != 0 {
                self.keys_attached += 1;
                self.attached.insert(key.clone(), event.kv.lease);
            } else if !self.attached.is_empty() {
                self.attached.remove(key);
            }
        }
    }

    /// The result at the end of the record.
    pub(super) fn finish(&self) -> Expiries {
        let mut expiries = Expiries { leases: self.leases.len() as u64, ..Expiries::default() };
        for (revision, deletion) in
            self.deletions.iter().flat_map(|(revision, deletions)| deletions.iter().map(move |one| (*revision, one)))
        {
            let Some(renewal) = self.owed(deletion.lease).filter(|_| !self.is_requested(deletion)) else { continue };
            expiries.judged += 1;
            if deletion.at >= renewal.owed_until {
                continue;
            }
            if self.terms.may_change_within(renewal.sent, deletion.at) {
                expiries.across_leader_change += 1;
            } else {
                expiries.early.push((deletion.at, deletion.describe(revision, renewal)));
            }
        }
        for denial in &self.denials {
            if self.owed(denial.lease).is_none() || self.is_revoked(denial.lease, denial.done) {
                continue;
            }
            if self.terms.may_change_within(denial.renewal.sent, denial.done) {
                expiries.across_leader_change += 1;
            } else {
                expiries.lost.push((denial.done, denial.describe()));
            }
        }
        expiries
    }

    /// The renewal with the latest expiry; none if the id names several leases.
    fn owed(&self, lease: i64) -> Option<Renewal> {
        self.leases.get(&lease).filter(|lease| lease.grants <= 1).map(|lease| lease.renewal)
    }

    fn is_revoked(&self, lease: i64, at: Nanos) -> bool {
        self.revoked.get(&lease).is_some_and(|sent| *sent <= at)
    }

    /// Whether a client may have requested the deletion before it was received.
    fn is_requested(&self, Deletion { key, lease, at }: &Deletion) -> bool {
        let in_range = |delete: &Delete| *key >= delete.key && (delete.range_end.as_bytes() == [0] || *key < delete.range_end);
        self.is_revoked(*lease, *at)
            || self.uncertain_keys.get(key).is_some_and(|sent| sent <= at)
            || self.uncertain_ranges.iter().any(|(delete, sent)| sent <= at && in_range(delete))
    }
}

impl Renewal {
    /// Until when the lease had to live, and by how much it was too short, in a sentence.
    fn describe(&self, missed_at: Nanos) -> String {
        format!(
            "The last acknowledged grant or keep-alive of the lease was sent at {:.3} s, so the lease could not expire before {:.3} s: it ended {:.3} s too early, without a change of leader.",
            seconds(self.sent),
            seconds(self.owed_until),
            seconds(self.owed_until.saturating_sub(missed_at)),
        )
    }

    /// How much of the granted time is missing: milliseconds.
    fn severity(&self, missed_at: Nanos) -> u64 {
        self.owed_until.saturating_sub(missed_at) / 1_000_000
    }
}

impl Deletion {
    fn describe(&self, revision: Revision, renewal: Renewal) -> Anomaly {
        let key = self.key.to_text();
        let gone = format!(
            "At revision {revision} ({:.3} s) {key} was deleted although no client had requested that: its lease {:x} had expired.",
            seconds(self.at),
            self.lease
        );
        Anomaly {
            explanation: vec![gone, renewal.describe(self.at)],
            severity: renewal.severity(self.at),
            revision: Some(revision),
            keys: vec![key],
            ..Anomaly::default()
        }
    }
}

impl Denial {
    fn describe(&self) -> Anomaly {
        let Self { lease, call, member, done, renewal } = self;
        let denied = format!(
            "At {:.3} s {} responded to call {}/{} (worker/call) that lease {lease:x} does not exist, although no client had revoked it.",
            seconds(*done),
            member.name(),
            call.worker,
            call.sequence
        );
        Anomaly {
            explanation: vec![denied, renewal.describe(*done)],
            severity: renewal.severity(*done),
            members: vec![member.name()],
            ..Anomaly::default()
        }
    }
}

/// Notes a time, unless an earlier one is noted.
fn note_first<Key: Eq + Hash>(times: &mut FxHashMap<Key, Nanos>, key: Key, at: Nanos) {
    times.entry(key).and_modify(|first| *first = at.min(*first)).or_insert(at);
}

/// The lease that a request names, when it names one that must exist. Transactions may name several.
fn named_lease(request: &Request) -> Option<i64> {
    match request {
        Request::LeaseKeepAlive { id } | Request::LeaseTimeToLive { id, .. } => Some(*id),
        Request::Put(put) => Some(put.lease).filter(|lease| *lease != 0),
        Request::Lock { lease, .. } => Some(*lease).filter(|lease| *lease != 0),
        _ => None,
    }
}

/// The deletions that a request requests.
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
