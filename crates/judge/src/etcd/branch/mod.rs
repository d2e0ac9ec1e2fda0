//! Branch: a transaction takes its success branch exactly when all its compares held.
//!
//! Source: etcd's API (`Txn`: "if all of the comparisons succeed, the success requests are processed in order") and its
//! guarantee that a transaction is atomic; in Adya's terms ("Weak Consistency", 1999) the compares are reads of the
//! transaction and must see the state that its writes replace.
//!
//! The compares are evaluated on the replayed key space: for a transaction that wrote, at the revision before its own; for one
//! that did not, at the revision of its header. `core::compare` describes how etcd compares keys that do not exist.

#[cfg(test)]
mod tests;

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::compare::{Failed, described, first_failed, state};
use crate::core::pending_answers::ReplayedCall;
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::call::{CallOutcome, Return};
use ticketcd_history::request::{AnswerBody, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{OrderId, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "branch",
    promise: "Every transaction takes the branch that its compares determine.",
    source: "etcd's API (`Txn`)",
    kinds: &[&GUARD_IGNORED, &GUARDS_HELD],
    basis: Basis::Log,
    view: None,
    online: false,
};

static GUARD_IGNORED: AnomalyKind =
    AnomalyKind::new("guard_ignored", "A transaction took its success branch although one of its compares did not hold.");
static GUARDS_HELD: AnomalyKind =
    AnomalyKind::new("guards_held", "A transaction took its failure branch although all of its compares held.");

/// The check.
#[derive(Debug)]
pub struct Branch {
    records_every_write: bool,
    run_tag: String,
    /// Completed transactions with compares.
    asked: u64,
    succeeded: u64,
    failed: u64,
    compares: u64,
    too_old: u64,
    anomalies: Anomalies,
}

impl Branch {
    /// The check of a run.
    pub fn new(info: &RunInfo) -> Self {
        let run_tag = info.run_tag.clone();
        Self {
            records_every_write: info.testbed.records_every_write(),
            run_tag,
            asked: 0,
            succeeded: 0,
            failed: 0,
            compares: 0,
            too_old: 0,
            anomalies: Anomalies::new(),
        }
    }
}

impl Check for Branch {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Call | ObservationKind::Replayed)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        if let Observation::Call(invoke, Some(Return { outcome: CallOutcome::Ok(_), .. })) = observation
            && matches!(&invoke.request, Request::Txn(txn) if !txn.guards.is_empty())
        {
            self.asked += 1;
        }
        if let Observation::Replayed(call) = observation
            && let (Request::Txn(txn), AnswerBody::Txn { succeeded, responses }) = (&call.invoke.request, &call.answer.body)
        {
            self.judge_nested(call, txn, *succeeded, responses);
        }
    }

    fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    fn replays(&self) -> bool {
        true
    }

    fn applies(&self) -> bool {
        (self.records_every_write && self.asked > 0) || self.compares > 0
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let counts = evidence([
            ("succeeded", self.succeeded),
            ("failed", self.failed),
            ("compares", self.compares),
            ("transactions_too_old", self.too_old),
        ]);
        let lacking = if self.compares == 0 {
            Some("No transaction with a compare could be checked against the log.".to_owned())
        } else if end.log.missing > 0 && self.records_every_write {
            Some(format!("Revisions are missing after {}: later ones were not checked.", end.log.unbroken_until))
        } else {
            None
        };
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

impl Branch {
    fn judge(&mut self, call: &ReplayedCall<'_>, txn: &Txn, succeeded: bool) {
        if txn.guards.is_empty() && succeeded {
            return;
        }
        let at = if call.answer.wrote() { call.answer.revision - 1 } else { call.answer.revision };
        if !call.versions.covers(at) {
            self.too_old += 1;
            return;
        }
        self.compares += txn.guards.len() as u64;
        *(if succeeded { &mut self.succeeded } else { &mut self.failed }) += 1;
        match (first_failed(&txn.guards, call.versions, at), succeeded) {
            (Some(failed), true) => self.add(&GUARD_IGNORED, call, at, Some(&failed), txn),
            (None, false) => self.add(&GUARDS_HELD, call, at, None, txn),
            (Some(_), false) | (None, true) => {}
        }
    }

    /// A transaction, and those nested in it: etcd evaluates all their compares before it executes any operation.
    fn judge_nested(&mut self, call: &ReplayedCall<'_>, txn: &Txn, succeeded: bool, responses: &[TxnAnswer]) {
        self.judge(call, txn, succeeded);
        for (operation, response) in txn.branch(succeeded).iter().zip(responses) {
            if let (TxnOp::Txn(nested), TxnAnswerBody::Txn { succeeded, responses }) = (operation, &response.body) {
                self.judge_nested(call, nested, *succeeded, responses);
            }
        }
    }

    fn add(&mut self, kind: &'static AnomalyKind, call: &ReplayedCall<'_>, at: Revision, failed: Option<&Failed<'_>>, txn: &Txn) {
        let (invoke, done) = (call.invoke, call.returned.done);
        let orders: Vec<String> =
            invoke.orders.iter().map(|key| OrderId { run: self.run_tag.as_str().into(), key: *key }.to_string()).collect();
        let order = orders.first().map(|order| format!(" for order {order}")).unwrap_or_default();
        let branch = if failed.is_some() { "its compares held" } else { "its compares did not hold" };
        let mut explanation = vec![format!(
            "At {:.3} s the response to transaction {}/{} (worker/call){order} at {}, at revision {}, reported that {branch}.",
            seconds(done),
            invoke.id.worker,
            invoke.id.sequence,
            invoke.member.name(),
            call.answer.revision,
        )];
        match failed {
            Some(failed) => {
                explanation.push(format!("It required {}; at revision {at} {}.", described(failed.guard), state(failed)));
            }
            None => {
                let guards: Vec<String> = txn.guards.iter().take(4).map(described).collect();
                explanation.push(format!("At revision {at} all of its compares held: {}.", guards.join("; ")));
            }
        }
        let keys = match failed {
            Some(failed) => vec![failed.guard.key.to_text()],
            None => txn.guards.iter().map(|guard| guard.key.to_text()).collect(),
        };
        let revision = Some(call.answer.revision);
        let anomaly =
            Anomaly { explanation, severity: 1, revision, keys, orders, members: vec![invoke.member.name()], ..Anomaly::default() };
        self.anomalies.add(kind, done, anomaly);
    }
}
