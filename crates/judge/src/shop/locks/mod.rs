//! Locks: a write under the lock of an event is applied while its client holds the lock.
//!
//! * The oldest key of a lock holds it (etcd's Lock API: the lowest create revision).
//! * A *fenced* write (which compares that its client's lock key exists) is applied only while that key exists and is the
//!   oldest: otherwise etcd or the strategy violates mutual exclusion.
//! * A write that is not fenced may be applied after its client lost the lock: a lock with a lease cannot prevent that
//!   (Kleppmann, “How to do distributed locking”; Jepsen, etcd 3.4.3). That is counted, not rejected: `oversell`,
//!   `conservation` and `ledger` detect its effects.
//! * `leases` verifies that the lease of a lock key lives for the granted time.
//!
//! What is not judged: writes whose responses were lost; revisions after a gap in the log.

mod queue;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;

use self::queue::{LockQueues, Position};
use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::verdict::{Anomaly, Finding};
use crate::shop::model::{Keyspace, ShopKey};
use crate::shop::replay;
use ticketcd_history::call::{CallOutcome, Invoke, Return};
use ticketcd_history::request::{AnswerBody, Request, Txn, TxnOp};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, Nanos, OrderId, OrderKey, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "locks",
    promise: "Only the holder of a fenced lock writes under it.",
    source: "etcd's lock API (the oldest key holds the lock); Kleppmann, “How to do distributed locking”",
    kinds: &[&FENCE_PASSED],
    basis: Basis::Log,
    view: Some(replay::view),
    online: true,
};

static FENCE_PASSED: AnomalyKind = AnomalyKind::new("fence_passed", "A client wrote under a fenced lock that it did not hold.");

/// The check.
#[derive(Debug)]
pub struct Locks {
    run_tag: Box<str>,
    keys: Keyspace,
    lock_prefix: Blob,
    queues: LockQueues,
    /// The lock that each worker last acquired.
    held: FxHashMap<u32, Blob>,
    /// Acknowledged purchases that the log has not reached, by revision.
    waiting: FxHashMap<Revision, Written>,
    /// The holders of the locks before each revision that wrote purchases and whose call has not ended yet.
    unclaimed: FxHashMap<Revision, Vec<(Blob, Position)>>,
    anomalies: Anomalies,
    counts: Counts,
    lost: Option<String>,
}

#[derive(Debug, Default)]
struct Counts {
    granted: u64,
    fenced: u64,
    unfenced: u64,
    after_loss: u64,
}

/// A purchase that was acknowledged.
#[derive(Debug)]
struct Written {
    order: OrderKey,
    event: Blob,
    /// The lock key that its client relies on, and whether the write compared it.
    lock: Blob,
    is_fenced: bool,
    at: Nanos,
}

impl Locks {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        let keys = Keyspace::new(info.prefix.as_str());
        Self {
            run_tag: info.run_tag.as_str().into(),
            queues: LockQueues::default(),
            lock_prefix: keys.lock(""),
            keys,
            held: FxHashMap::default(),
            waiting: FxHashMap::default(),
            unclaimed: FxHashMap::default(),
            anomalies: Anomalies::new(),
            counts: Counts::default(),
            lost: None,
        }
    }

    fn call(&mut self, invoke: &Invoke, returned: Option<&Return>) {
        let worker = invoke.id.worker;
        let Some(CallOutcome::Ok(answer)) = returned.map(|returned| &returned.outcome) else { return };
        match (&invoke.request, &answer.body) {
            (Request::Lock { .. }, AnswerBody::Lock { key }) => {
                self.counts.granted += 1;
                self.held.insert(worker, key.clone());
            }
            (Request::Delete(delete), _) if self.held.get(&worker) == Some(&delete.key) => {
                self.held.remove(&worker);
            }
            (Request::Txn(txn), AnswerBody::Txn { succeeded: true, .. }) if answer.wrote() => {
                let positions = self.unclaimed.remove(&answer.revision);
                let Some(written) = self.written(invoke, txn, returned.map_or(0, |returned| returned.done)) else { return };
                match positions {
                    Some(positions) => self.judge(answer.revision, &written, &positions),
                    None => {
                        self.waiting.insert(answer.revision, written);
                    }
                }
            }
            _ => {}
        }
    }

    /// The purchase that a transaction writes, if its client relies on a lock.
    fn written(&self, invoke: &Invoke, txn: &Txn, at: Nanos) -> Option<Written> {
        let order = *invoke.orders.first()?;
        let is_lock = |key: &&Blob| key.as_bytes().starts_with(self.lock_prefix.as_bytes());
        let fence = txn.guards.iter().map(|guard| &guard.key).find(is_lock).cloned();
        let is_fenced = fence.is_some();
        let lock = fence.or_else(|| self.held.get(&invoke.id.worker).cloned())?;
        let event = txn.success.iter().find_map(|operation| match operation {
            TxnOp::Put(put) => match self.keys.parse(put.key.as_bytes()) {
                Some(ShopKey::Purchase { event, .. }) => Some(Blob::from(event)),
                _ => None,
            },
            TxnOp::Range(_) | TxnOp::Delete(_) | TxnOp::Txn(_) => None,
        })?;
        Some(Written { order, event, lock, is_fenced, at })
    }

    fn revision(&mut self, revision: &SequencedRevision<'_>) {
        if revision.after_hole {
            return;
        }
        // Before the first lock there is no holder to compare a purchase with.
        let positions = if self.queues.is_used() || self.counts.granted > 0 { self.queues.before_purchases(revision) } else { Vec::new() };
        if !positions.is_empty() {
            match self.waiting.remove(&revision.revision) {
                Some(written) => self.judge(revision.revision, &written, &positions),
                None => {
                    self.unclaimed.insert(revision.revision, positions);
                }
            }
        }
        self.queues.apply(revision);
    }

    /// Compares a purchase with the holder of the lock before its revision.
    fn judge(&mut self, revision: Revision, written: &Written, positions: &[(Blob, Position)]) {
        let Some((_, position)) = positions.iter().find(|(event, _)| *event == written.event) else { return };
        if written.is_fenced {
            self.counts.fenced += 1;
        } else {
            self.counts.unfenced += 1;
        }
        let lock = written.lock.to_text();
        if position.holder.as_ref().is_some_and(|holder| self.keys.lock(holder.to_text()) == written.lock) {
            return;
        }
        let id = OrderId { run: self.run_tag.clone(), key: written.order };
        let instead = match &position.holder {
            Some(holder) => format!("lock:{} held it, since revision {}", holder.to_text(), position.since),
            None => "no client held it".to_owned(),
        };
        let event = written.event.to_text();
        if written.is_fenced {
            let explanation = format!(
                "Order {id} was written at revision {revision} on the condition that {lock} still held the lock of event {event}, but {instead}."
            );
            let anomaly = Anomaly {
                explanation: vec![
                    explanation,
                    format!("It was acknowledged at {:.3} s: two clients were in the critical section at once.", seconds(written.at)),
                ],
                severity: 1,
                revision: Some(revision),
                keys: vec![lock],
                orders: vec![id.to_string()],
                ..Anomaly::default()
            };
            self.anomalies.add(&FENCE_PASSED, written.at, anomaly);
        } else {
            self.counts.after_loss += 1;
            self.lost.get_or_insert_with(|| {
                format!("The first is order {id}, at revision {revision}: it relied on {lock} for event {event}, but {instead}.")
            });
        }
    }
}

impl Check for Locks {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Call(invoke, returned) => self.call(invoke, *returned),
            Observation::Revision(revision) => self.revision(revision),
            _ => {}
        }
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Call | ObservationKind::Revision)
    }

    fn applies(&self) -> bool {
        self.counts.granted > 0 || self.queues.is_used() || !self.anomalies.is_empty()
    }

    fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let mut reasons = Vec::new();
        let mut when = |so: bool, reason: &str| reasons.extend(so.then(|| reason.to_owned()));
        when(self.counts.granted > 0 && self.counts.fenced + self.counts.unfenced == 0, "Nothing was written under a lock.");
        when(end.log.missing > 0, "The log of revisions has a gap.");
        when(end.log.diverged_from.is_some(), "The members disagree about the content of a revision, so there is no single log to replay.");
        when(!end.complete, "The record is incomplete: its end is missing.");
        let counts = evidence([
            ("locks_granted", self.counts.granted),
            ("fenced_writes", self.counts.fenced),
            ("unfenced_writes", self.counts.unfenced),
            ("writes_after_lock_was_lost", self.counts.after_loss),
        ]);
        let finding = self.anomalies.into_finding(&CHECK, counts, one_reason(&reasons));
        let after_loss = self.counts.after_loss;
        let mut remarks = Vec::new();
        if after_loss > 0 {
            remarks.push(format!("{after_loss} writes without a fence were applied after their lock was lost."));
            remarks.extend(self.lost);
        }
        Finding { reason: finding.reason.or(one_reason(&remarks)), ..finding }
    }
}
