//! Reads: every returned value was current at the revision of the response, and no key of the range is missing.
//!
//! Source: etcd's data model gives each revision one immutable key space, and its API defines which of them a range reads: the
//! one of its header, or the requested one. That a response shows *one* state is snapshot isolation (Adya, "Weak Consistency",
//! 1999); a response with two states is what Jepsen calls a fractured read.
//!
//! A serializable read may be stale, but must be correct for its revision: it is judged at the revision of its header like any
//! other. A range within a transaction is judged at its own sub-header: it sees the writes before it in its transaction, and
//! not those after it.
//!
//! Each response costs a walk over the keys of its range, about as many as it returned.

mod answer;
mod sorted;
#[cfg(test)]
mod tests;

use answer::{Mismatch, MismatchKind, View, differing, mismatch};

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::key_space::KeyRange;
use crate::core::pending_answers::ReplayedCall;
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::request::{AnswerBody, Delete, KeyValue, Range, RangeAnswer, Request, TxnAnswer, TxnAnswerBody, TxnOp, carried_out};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{OrderId, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "reads",
    promise: "Every value that a read returns was current at the revision of its header.",
    source: "etcd's API (`ResponseHeader.revision`)",
    kinds: &[&WRONG_VALUE, &MISSING_KEY, &PHANTOM_KEY, &TORN_READ, &WRONG_COUNT, &WRONG_ORDER],
    basis: Basis::Log,
    view: None,
    online: false,
};

pub(super) static WRONG_VALUE: AnomalyKind =
    AnomalyKind::new("wrong_value", "A read returned a value that was not current at the revision of its header.");
pub(super) static MISSING_KEY: AnomalyKind =
    AnomalyKind::new("missing_key", "A read did not return a key that existed at the revision of its header.");
pub(super) static PHANTOM_KEY: AnomalyKind =
    AnomalyKind::new("phantom_key", "A read returned a key that did not exist at the revision of its header.");
pub(super) static TORN_READ: AnomalyKind =
    AnomalyKind::new("torn_read", "A read returned some values of the revision of its header, and other values of a different revision.");
pub(super) static WRONG_COUNT: AnomalyKind = AnomalyKind::new("wrong_count", "A response counts a different number of keys than existed.");
pub(super) static WRONG_ORDER: AnomalyKind =
    AnomalyKind::new("wrong_order", "A sorted read returned its keys in a different order than requested.");

/// The check.
#[derive(Debug)]
pub struct Reads {
    records_every_write: bool,
    run_tag: String,
    ranges: u64,
    keys: u64,
    serializable: u64,
    too_old: u64,
    anomalies: Anomalies,
}

impl Reads {
    /// The check of a run.
    pub fn new(info: &RunInfo) -> Self {
        let (records_every_write, run_tag) = (info.testbed.records_every_write(), info.run_tag.clone());
        Self { records_every_write, run_tag, ranges: 0, keys: 0, serializable: 0, too_old: 0, anomalies: Anomalies::new() }
    }
}

impl Check for Reads {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        kind == ObservationKind::Replayed
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        let Observation::Replayed(call) = observation else { return };
        match (&call.invoke.request, &call.answer.body) {
            (Request::Range(range), AnswerBody::Range(found)) => {
                let view = View::at(asked(range, call.answer.revision));
                if let Some(mismatch) = self.range(call, range, found, view) {
                    self.add(call, view.revision, &mismatch);
                }
            }
            (Request::Txn(txn), AnswerBody::Txn { succeeded, responses }) => {
                let branch = txn.branch(*succeeded);
                if branch.iter().any(|operation| matches!(operation, TxnOp::Txn(_))) {
                    let pairs = carried_out(txn, *succeeded, responses);
                    let (operations, answers): (Vec<_>, Vec<_>) =
                        pairs.map(|(operation, answer)| (operation.clone(), answer.clone())).unzip();
                    self.transaction(call, &operations, &answers);
                } else {
                    self.transaction(call, branch, responses);
                }
            }
            (Request::Delete(delete), AnswerBody::Delete { deleted, prev_kvs }) => {
                self.deletion(call, delete, *deleted);
                self.previous(call, prev_kvs);
            }
            (Request::Put(_), AnswerBody::Put { prev_kv }) => self.previous(call, prev_kv.as_deref()),
            _ => {}
        }
    }

    fn replays(&self) -> bool {
        true
    }

    fn applies(&self) -> bool {
        self.records_every_write || self.ranges > 0
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let counts = evidence([
            ("ranges", self.ranges),
            ("keys", self.keys),
            ("serializable_ranges", self.serializable),
            ("ranges_too_old", self.too_old),
        ]);
        let lacking = if self.ranges == 0 {
            Some("No read could be checked against the log.".to_owned())
        } else if end.log.missing > 0 && self.records_every_write {
            Some(format!("Revisions are missing after {}: later ones were not checked.", end.log.unbroken_until))
        } else {
            None
        };
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

/// The revision that a range reads, given the newest one.
fn asked(range: &Range, newest: Revision) -> Revision {
    if range.revision > 0 { range.revision } else { newest }
}

impl Reads {
    fn transaction(&mut self, call: &ReplayedCall<'_>, branch: &[TxnOp], responses: &[TxnAnswer]) {
        let own = call.answer.wrote().then_some(call.answer.revision);
        let (mut right, mut wrong) = (false, Vec::new());
        for (index, (operation, response)) in branch.iter().zip(responses).enumerate() {
            let (TxnOp::Range(range), TxnAnswerBody::Range(found)) = (operation, &response.body) else { continue };
            let view = match own {
                Some(own) if range.revision == 0 && response.revision == own => {
                    View { revision: own, own_writes: branch.get(..index).unwrap_or_default(), is_own: true }
                }
                // A sub-header without a revision is ignored.
                _ if range.revision == 0 && response.revision == 0 => continue,
                _ => View::at(asked(range, response.revision)),
            };
            match self.range(call, range, found, view) {
                Some(mismatch) => wrong.push((view.revision, mismatch)),
                None => right |= !found.kvs.is_empty(),
            }
        }
        for (revision, mismatch) in wrong {
            self.add(call, revision, &if right { mismatch.beside_right_ones() } else { mismatch });
        }
    }

    /// A difference between a range and the key space, as far as it can be judged.
    fn range(&mut self, call: &ReplayedCall<'_>, range: &Range, found: &RangeAnswer, view: View<'_>) -> Option<Mismatch> {
        if !view.is_covered(call.versions) {
            self.too_old += 1;
            return None;
        }
        self.ranges += 1;
        self.keys += found.kvs.len() as u64;
        self.serializable += u64::from(range.serializable);
        mismatch(range, found, view, call.versions)
    }

    /// A deletion counts the keys that it found.
    fn deletion(&mut self, call: &ReplayedCall<'_>, delete: &Delete, deleted: i64) {
        let at = if deleted > 0 { call.answer.revision - 1 } else { call.answer.revision };
        if !call.versions.covers(at) {
            return;
        }
        let existing = call.versions.range(KeyRange::new(&delete.key, &delete.range_end), at).count();
        if i64::try_from(existing) != Ok(deleted) {
            let what = format!("the response counts {deleted} deleted keys; at revision {at} {existing} existed");
            self.add(call, at, &Mismatch { kind: MismatchKind::Count, key: delete.key.clone(), what, is_real: false });
        }
    }

    /// The previous values that a write returned. A write without any did not request them, or found none.
    fn previous<'call>(&mut self, call: &ReplayedCall<'_>, reported: impl IntoIterator<Item = &'call KeyValue>) {
        let at = call.answer.revision - 1;
        if !call.versions.covers(at) {
            return;
        }
        for kv in reported {
            self.keys += 1;
            let right = call.versions.get(kv.key.as_bytes(), at);
            if right != Some(kv) {
                self.add(call, at, &differing(kv, right, call.versions));
            }
        }
    }

    fn add(&mut self, call: &ReplayedCall<'_>, at: Revision, mismatch: &Mismatch) {
        let (invoke, done) = (call.invoke, call.returned.done);
        let orders: Vec<String> =
            invoke.orders.iter().map(|key| OrderId { run: self.run_tag.as_str().into(), key: *key }.to_string()).collect();
        let order = orders.first().map(|order| format!(" for order {order}")).unwrap_or_default();
        let how = if invoke.request.is_linearizable() { "call" } else { "the serializable or historical call" };
        let explanation = vec![
            format!(
                "At {:.3} s {how} {}/{} (worker/call){order} received from {} a response for revision {at}.",
                seconds(done),
                invoke.id.worker,
                invoke.id.sequence,
                invoke.member.name(),
            ),
            format!("However, {}.", mismatch.what),
        ];
        let keys = vec![mismatch.key.to_text()];
        let members = vec![invoke.member.name()];
        self.anomalies.add(
            mismatch.kind.anomaly(),
            done,
            Anomaly { explanation, severity: 1, revision: Some(at), keys, orders, members, ..Anomaly::default() },
        );
    }
}
