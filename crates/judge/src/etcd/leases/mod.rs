//! Leases: each lives for the granted time, counted from its last renewal.
//!
//! It judges every lease in the record, whatever its purpose: a lock, a reservation, or anything else.
//!
//! The leader counts the time of leases. Early expiries that may have happened across a change of leader are only counted,
//! because a member that was no longer the leader may have responded to a keep-alive.

mod book;
mod terms;
#[cfg(test)]
mod tests;

use self::book::LeaseBook;
use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::Finding;
use ticketcd_history::run_info::RunInfo;

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "leases",
    promise: "A lease, and every key attached to it, lives at least for the time that was granted.",
    source: "etcd's API guarantees (the TTL of a lease)",
    kinds: &[&EARLY_EXPIRY, &LOST_LEASE],
    basis: Basis::Log,
    view: None,
    online: false,
};

static EARLY_EXPIRY: AnomalyKind =
    AnomalyKind::new("early_expiry", "A key was deleted by the expiry of its lease before the lease's time to live had passed.");
static LOST_LEASE: AnomalyKind =
    AnomalyKind::new("lost_lease", "A response reports that a lease does not exist before its time to live has passed.");

/// The leases of a run.
#[derive(Debug)]
pub struct Leases {
    book: LeaseBook,
    records_every_write: bool,
}

impl Leases {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        Self { book: LeaseBook::default(), records_every_write: info.testbed.records_every_write() }
    }
}

impl Check for Leases {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        self.book.observe(observation);
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Call | ObservationKind::Revision)
    }

    fn applies(&self) -> bool {
        self.book.is_used()
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let expiries = self.book.finish();
        let mut anomalies = Anomalies::new();
        let mut reasons = Vec::new();
        let mut when = |so: bool, reason: String| reasons.extend(so.then_some(reason));
        when(!self.records_every_write, "Clients that are not recorded may have revoked leases or deleted keys.".to_owned());
        when(end.log.missing > 0, "The log of revisions has a gap.".to_owned());
        when(
            end.log.diverged_from.is_some(),
            "The members disagree about the content of a revision, so there is no single log to replay.".to_owned(),
        );
        if self.records_every_write {
            expiries.early.into_iter().for_each(|(at, anomaly)| anomalies.add(&EARLY_EXPIRY, at, anomaly));
            expiries.lost.into_iter().for_each(|(at, anomaly)| anomalies.add(&LOST_LEASE, at, anomaly));
        }
        let counts = evidence([
            ("leases", expiries.leases),
            ("responses_judged", self.book.responses),
            ("keys_attached", self.book.keys_attached),
            ("expiries_judged", expiries.judged),
            ("early_across_leader_change", expiries.across_leader_change),
        ]);
        let finding = anomalies.into_finding(&CHECK, counts, one_reason(&reasons));
        let early = expiries.across_leader_change;
        let remark = (early > 0).then(|| format!("{early} leases ended early, but the leader may have changed meanwhile."));
        Finding { reason: finding.reason.or(remark), ..finding }
    }
}
