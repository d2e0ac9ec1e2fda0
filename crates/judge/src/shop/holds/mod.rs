//! Holds: every reservation ends exactly once. It is
//!
//! * confirmed: one revision deletes the record and the key with its lease, and writes the purchase; the key existed before it;
//! * given up: one revision deletes both and writes no purchase; the key existed before it;
//! * or released: the record is deleted after the key.
//!
//! Source: the shop's own rule for reservations. `leases` verifies that the lease of a reservation lives long enough, and
//! `conservation` that released tickets can be bought again.
//!
//! What is not judged: revisions after a gap in the log; remaining reservations if the record was truncated, the run was
//! interrupted, or the expiry sweeper failed; late expiries.

mod hold;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use self::hold::{Ending, Hold, HoldChanges};
use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::verdict::{Anomaly, Finding};
use crate::shop::model::Keyspace;
use crate::shop::replay::{self, ShopChange};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::CallOutcome;
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, Nanos, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "holds",
    promise: "Every reservation ends exactly once: confirmed, cancelled, or released after its lease expired.",
    source: "the shop's own rule, and etcd's guarantee that a lease lives for the time it was granted",
    kinds: &[&EARLY_RELEASE, &DOUBLE_RELEASE, &CONFIRMED_AFTER_EXPIRY, &UNRELEASED_PURCHASE, &LEAKED_HOLD],
    basis: Basis::Log,
    view: Some(replay::view),
    online: true,
};

pub(super) static EARLY_RELEASE: AnomalyKind = AnomalyKind::new("early_release", "A reservation was released while its lease was alive.");
pub(super) static DOUBLE_RELEASE: AnomalyKind = AnomalyKind::new("double_release", "The tickets of a reservation were returned twice.");
pub(super) static CONFIRMED_AFTER_EXPIRY: AnomalyKind =
    AnomalyKind::new("confirmed_after_expiry", "A reservation became a purchase after its lease had expired.");
pub(super) static UNRELEASED_PURCHASE: AnomalyKind =
    AnomalyKind::new("unreleased_purchase", "A reservation became a purchase, and its record was not deleted.");
pub(super) static LEAKED_HOLD: AnomalyKind = AnomalyKind::new("leaked_hold", "A reservation expired and was never released.");

/// The check.
#[derive(Debug)]
pub struct Holds {
    keys: Keyspace,
    /// By the order's id.
    holds: FxHashMap<Blob, Hold>,
    anomalies: Anomalies,
    counts: Counts,
    malformed: u64,
    /// Whether the last call of the expiry sweeper failed.
    release_failed: bool,
    /// Whether the run ended early.
    was_stopped: bool,
    now: Nanos,
}

#[derive(Debug, Default)]
struct Counts {
    holds: u64,
    confirmed: u64,
    given_up: u64,
    released: u64,
}

impl Holds {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            keys: Keyspace::new(info.prefix.as_str()),
            holds: FxHashMap::default(),
            anomalies: Anomalies::new(),
            counts: Counts::default(),
            malformed: 0,
            release_failed: false,
            was_stopped: false,
            now: 0,
        }
    }

    fn revision(&mut self, revision: &SequencedRevision<'_>) {
        self.now = self.now.max(revision.at);
        if revision.after_hole {
            return;
        }
        for (order, changes) in self.changes(revision) {
            self.apply(revision, &order, &changes);
        }
    }

    /// The changes of a revision to each order with a current or past reservation.
    fn changes(&mut self, revision: &SequencedRevision<'_>) -> BTreeMap<Blob, HoldChanges> {
        let mut changes: BTreeMap<Blob, HoldChanges> = BTreeMap::new();
        for change in replay::changes(revision) {
            match change {
                ShopChange::Hold { event, order, before, after } => {
                    let changes = changes.entry(order.clone()).or_default();
                    changes.event = Some(event.clone());
                    changes.user = after.as_ref().map(|record| record.user.clone());
                    changes.record = (before.is_some() != after.is_some()).then_some(after.is_some());
                }
                ShopChange::HoldAlive { event, order, alive, .. } => {
                    let changes = changes.entry(order.clone()).or_default();
                    changes.event = Some(event.clone());
                    changes.alive = Some(*alive);
                }
                ShopChange::Malformed { .. } => self.malformed += 1,
                _ => {}
            }
        }
        for change in replay::changes(revision) {
            let ShopChange::Purchases { added, .. } = change else { continue };
            for id in added.iter().filter_map(|purchase| purchase.id.as_deref()) {
                if self.holds.contains_key(id.as_bytes()) || changes.contains_key(id.as_bytes()) {
                    changes.entry(id.into()).or_default().bought = true;
                }
            }
        }
        let takes = replay::changes(revision).iter().any(takes_stock);
        changes.values_mut().for_each(|changes| changes.takes_stock = takes);
        changes
    }

    fn apply(&mut self, revision: &SequencedRevision<'_>, order: &Blob, changes: &HoldChanges) {
        let (number, at) = (revision.revision, revision.at);
        let hold = self.holds.entry(order.clone()).or_default();
        if let Some(event) = &changes.event {
            hold.event.clone_from(event);
        }
        if let Some(user) = &changes.user {
            hold.user.clone_from(user);
        }
        let violation = hold.apply(number, changes);
        match (changes.record, hold.ending) {
            (Some(true), _) => self.counts.holds += 1,
            (Some(false), Some(Ending::Confirmed)) => self.counts.confirmed += 1,
            (Some(false), Some(Ending::GivenUp)) => self.counts.given_up += 1,
            (Some(false), Some(Ending::Released)) => self.counts.released += 1,
            _ => {}
        }
        if let Some((kind, explanation)) = violation {
            let anomaly = describe(&self.keys, (order, hold), number, at, &explanation);
            self.anomalies.add(kind, at, anomaly);
        }
    }

    /// The remaining reservations, and of those the ones whose lease has not expired: an expiry may be late.
    fn find_leaks(&mut self, end: &End<'_>) -> (u64, u64) {
        let mut left: Vec<(&Blob, &Hold)> = self.holds.iter().filter(|(_, hold)| hold.is_reserved()).collect();
        left.sort_unstable_by_key(|(order, hold)| (hold.reserved, *order));
        let alive = left.iter().filter(|(_, hold)| hold.is_alive()).count() as u64;
        let is_over = end.complete && !self.was_stopped && !self.release_failed && end.log.missing == 0;
        for (order, hold) in left.iter().filter(|(_, hold)| is_over && !hold.is_alive()) {
            let explanation =
                format!("it was reserved at revision {}, expired at revision {} and was never released", hold.reserved, hold.gone());
            self.anomalies.add(&LEAKED_HOLD, self.now, describe(&self.keys, (order, hold), hold.gone(), self.now, &explanation));
        }
        (left.len() as u64, alive)
    }
}

impl Check for Holds {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Revision(revision) => self.revision(revision),
            Observation::Event(Event::Invalid(_)) => self.was_stopped = true,
            Observation::Event(Event::Ended(ended)) => self.was_stopped |= ended.interrupted,
            Observation::Call(invoke, returned) if matches!(invoke.purpose, Purpose::Release | Purpose::Settle) => {
                let answered = returned.is_some_and(|returned| matches!(returned.outcome, CallOutcome::Ok(_)));
                self.release_failed = !answered;
            }
            _ => {}
        }
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Call | ObservationKind::Revision)
    }

    fn applies(&self) -> bool {
        self.counts.holds > 0 || !self.anomalies.is_empty()
    }

    fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    fn finish(mut self: Box<Self>, end: &End<'_>) -> Finding {
        let (left, alive) = self.find_leaks(end);
        let mut reasons = Vec::new();
        let mut when = |so: bool, reason: String| reasons.extend(so.then_some(reason));
        when(end.log.missing > 0, "The log of revisions has a gap.".to_owned());
        when(
            end.log.diverged_from.is_some(),
            "The members disagree about the content of a revision, so there is no single log to replay.".to_owned(),
        );
        when(self.malformed > 0, format!("{} values of the shop could not be parsed.", self.malformed));
        when(!end.complete, "The record is incomplete: its end is missing.".to_owned());
        let hindered = self.was_stopped || self.release_failed;
        when(end.complete && hindered && left > 0, format!("{left} remaining reservations could not be released because of a failure."));
        when(end.complete && alive > 0, format!("{alive} remaining reservations have leases that have not expired."));
        let counts = evidence([
            ("holds", self.counts.holds),
            ("confirmed", self.counts.confirmed),
            ("given_up", self.counts.given_up),
            ("released", self.counts.released),
            ("left_over", left),
        ]);
        self.anomalies.into_finding(&CHECK, counts, one_reason(&reasons))
    }
}

/// Whether a change lowers the available stock.
fn takes_stock(change: &ShopChange) -> bool {
    match change {
        ShopChange::Ticket { before: Some(before), after: Some(after), .. } => after.current_quantity < before.current_quantity,
        _ => false,
    }
}

fn describe(keys: &Keyspace, (order, hold): (&Blob, &Hold), revision: Revision, at: Nanos, explanation: &str) -> Anomaly {
    let (order, event, user) = (order.to_text(), hold.event.to_text(), &hold.user);
    Anomaly {
        explanation: vec![format!(
            "At revision {revision} ({:.3} s), order {order} of user {user} for event {event}: {explanation}.",
            seconds(at)
        )],
        severity: 1,
        revision: Some(revision),
        keys: vec![keys.hold(&event, &order).to_text()],
        orders: vec![order],
        ..Anomaly::default()
    }
}
