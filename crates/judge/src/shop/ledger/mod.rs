//! The ledger: compares every acknowledgement with the content of every member, by order id.
//!
//! * acknowledged ⇒ present exactly once: in the log at the revision acknowledged, and at the end on every member;
//! * refused ⇒ absent on every member, and never in the log: a "definite" error is checked, not believed (etcd issue 18667);
//! * unknown ⇒ zero or one, the same everywhere;
//! * nothing is present that was not ordered, nothing twice, and nothing other than what was ordered;
//! * a cancellation is an order like any other, whose entry returns what the cancelled order bought: all of it, once, and only
//!   if it exists.
//!
//! Source: etcd's API guarantees (a completed operation is durable; a transaction with a failed compare writes nothing), and
//! the rules of the shop: an order's id is unique and stays the same over all its attempts, and nothing is ever removed from
//! the purchases. Each id is followed through the log: an entry that disappears is a loss, cancelled or not.
//!
//! What is not judged: acknowledged orders beyond the last delivered revision of a truncated record; the log after a gap;
//! members that were not read completely or that are behind the others; orders later than everything that was read.

mod audit;
mod cancel;
#[cfg(test)]
mod cancel_tests;
mod judgement;
mod locations;
mod order;
mod orders;
mod replica_set;
#[cfg(test)]
mod tests;
mod value_cache;

use rustc_hash::FxHashMap;

use self::cancel::Cancellations;
use self::locations::Locations;
use self::order::{Acknowledgement, Names, Order, content, content_of};
use self::orders::Orders;
use self::value_cache::ValueCache;
use super::demand::Demand;
use crate::core::anomalies::Anomalies;
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::audits::{Audits, MemberSet};
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::verdict::{Anomaly, Finding};
use crate::shop::model::records::Purchase;
use crate::shop::model::{Keyspace, ShopKey};
use crate::shop::replay::{self, ShopChange};
use ticketcd_history::annotation::{CancelPlaced, OrderClosed, OrderOutcome, OrderPlaced, Purpose};
use ticketcd_history::audit::AuditStage;
use ticketcd_history::call::CallOutcome;
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, Nanos, OrderId, OrderKey, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "ledger",
    promise: "On every member, acknowledged orders exist exactly once, refused ones do not exist, and unknown ones exist at most once.",
    source: "etcd's API guarantees (a completed operation is durable), and the shop's unique order ids",
    kinds: &[
        &LOST_ORDER,
        &DUPLICATE_ORDER,
        &PHANTOM_ORDER,
        &ALTERED_ORDER,
        &REFUSED_BUT_APPLIED,
        &DIVERGENT_ORDER,
        &CANCELLED_TWICE,
        &CANCELLED_UNBOUGHT,
    ],
    basis: Basis::Log,
    view: Some(replay::view),
    online: false,
};

pub(super) static LOST_ORDER: AnomalyKind =
    AnomalyKind::new("lost_order", "An acknowledged order, or an acknowledged cancellation, is not in the data.");
pub(super) static DUPLICATE_ORDER: AnomalyKind = AnomalyKind::new("duplicate_order", "An order was bought more than once.");
pub(super) static PHANTOM_ORDER: AnomalyKind = AnomalyKind::new("phantom_order", "A purchase exists that no buyer of the run ordered.");
pub(super) static ALTERED_ORDER: AnomalyKind = AnomalyKind::new("altered_order", "A purchase differs from what was ordered.");
pub(super) static REFUSED_BUT_APPLIED: AnomalyKind =
    AnomalyKind::new("refused_but_applied", "An order that was refused with a definite error was written.");
pub(super) static DIVERGENT_ORDER: AnomalyKind =
    AnomalyKind::new("divergent_order", "A purchase exists on some members and is missing on others.");
pub(super) static CANCELLED_TWICE: AnomalyKind = AnomalyKind::new("cancelled_twice", "An order was cancelled twice.");
pub(super) static CANCELLED_UNBOUGHT: AnomalyKind =
    AnomalyKind::new("cancelled_unbought", "An order was cancelled that had not been bought.");

/// The check.
#[derive(Debug)]
pub struct Ledger {
    run_tag: Box<str>,
    keys: Keyspace,
    orders: Orders,
    cancellations: Cancellations,
    /// The last order of each buyer.
    last_placed: FxHashMap<u32, u32>,
    users: Names,
    events: Names,
    audits: Audits,
    /// The purchases that were read last of each key.
    values_read: ValueCache,
    demand: Demand,
    anomalies: Anomalies,
    /// Where each violation was found: it is one anomaly, however many members have it.
    locations: Locations,
    /// Violations found so far.
    reported: u64,
    /// Whether a write of the barrier that ends the drain was acknowledged.
    barrier_held: bool,
    now: Nanos,
    /// The last revision of the log before its first gap.
    log_until: Revision,
    log_revisions: u64,
    log_has_hole: bool,
    /// Entries without an id of this run: of earlier runs or of the original TickETCD.
    other_elements: u64,
    unreadable_values: u64,
}

/// An occurrence of an entry.
struct Occurrence<'run> {
    user: &'run [u8],
    event: &'run [u8],
    purchase: &'run Purchase,
    /// The audit and the member; none for the log.
    audit: Option<(AuditStage, MemberSet)>,
}

impl Ledger {
    /// The check for this run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            run_tag: info.run_tag.as_str().into(),
            keys: Keyspace::new(info.prefix.as_str()),
            orders: Orders::default(),
            cancellations: Cancellations::default(),
            last_placed: FxHashMap::default(),
            users: Names::default(),
            events: Names::default(),
            audits: Audits::default(),
            values_read: ValueCache::default(),
            demand: Demand::default(),
            anomalies: Anomalies::new(),
            locations: Locations::default(),
            reported: 0,
            barrier_held: false,
            now: 0,
            log_until: 0,
            log_revisions: 0,
            log_has_hole: false,
            other_elements: 0,
            unreadable_values: 0,
        }
    }
}

impl Check for Ledger {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Call | ObservationKind::Revision)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(event) => {
                self.audits.observe(event);
                self.demand.observe(event);
                match event {
                    Event::OrderPlaced(placed) => self.placed(placed),
                    Event::OrderClosed(closed) => self.closed(closed),
                    Event::CancelPlaced(placed) => self.cancel_placed(placed),
                    Event::AuditPage(page) => self.page(page),
                    Event::AuditClosed(closed) => self.now = self.now.max(closed.at),
                    _ => {}
                }
            }
            Observation::Revision(revision) => self.revision(revision),
            Observation::Call(invoke, Some(returned)) if invoke.purpose == Purpose::Barrier => {
                self.barrier_held |= matches!(returned.outcome, CallOutcome::Ok(_));
            }
            _ => {}
        }
    }

    fn applies(&self) -> bool {
        // Orders are those that were placed and those that exist although no buyer placed them.
        self.demand.may_be() || !self.orders.is_empty() || !self.anomalies.is_empty()
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        judgement::judge(*self, end)
    }
}

impl Ledger {
    fn placed(&mut self, placed: &OrderPlaced) {
        self.add_order(placed.order, &placed.user, &placed.event, &placed.items, placed.sent);
    }

    fn cancel_placed(&mut self, placed: &CancelPlaced) {
        self.add_order(placed.order, &placed.user, &placed.event, &placed.items, placed.sent).is_cancel = true;
        self.cancellations.placed(placed.order, placed.cancels);
    }

    fn add_order(&mut self, key: OrderKey, user: &Blob, event: &Blob, items: &[(Blob, i64)], sent: Nanos) -> &mut Order {
        let (user, event) = (self.users.number(user.as_bytes()), self.events.number(event.as_bytes()));
        let last = self.last_placed.entry(key.buyer).or_default();
        *last = key.sequence.max(*last);
        self.now = self.now.max(sent);
        let order = self.orders.entry(key);
        if order.acknowledgement == Acknowledgement::Unplaced {
            order.acknowledgement = Acknowledgement::Open;
        }
        (order.at, order.user, order.event) = (sent, user, event);
        order.content = content(items.iter().map(|(kind, quantity)| (kind.as_bytes(), *quantity)));
        order
    }

    fn closed(&mut self, closed: &OrderClosed) {
        let order = self.orders.entry(closed.order);
        (order.acknowledgement, order.at) = (Acknowledgement::of(&closed.outcome), closed.done);
        if let OrderOutcome::Sold { revision } = closed.outcome {
            order.acknowledged_revision = revision;
        }
        self.now = self.now.max(closed.done);
    }

    fn revision(&mut self, revision: &SequencedRevision<'_>) {
        self.log_has_hole |= revision.after_hole;
        // An entry in a value that cannot be parsed is neither present nor absent.
        self.log_has_hole |= replay::changes(revision).iter().any(|change| self.is_unreadable(change));
        if self.log_has_hole {
            return;
        }
        (self.log_until, self.log_revisions, self.now) = (revision.revision, self.log_revisions + 1, self.now.max(revision.at));
        for change in replay::changes(revision) {
            if let ShopChange::Purchases { user, event, added, removed } = change {
                self.removed(revision, user, event, added, removed);
                for purchase in added {
                    self.added(revision, &Occurrence { user: user.as_bytes(), event: event.as_bytes(), purchase, audit: None });
                }
            }
        }
    }

    fn is_unreadable(&self, change: &ShopChange) -> bool {
        matches!(change, ShopChange::Malformed { key, .. } if matches!(self.keys.parse(key.as_bytes()), Some(ShopKey::Purchase { .. })))
    }

    fn added(&mut self, revision: &SequencedRevision<'_>, occurrence: &Occurrence<'_>) {
        let Some(key) = self.order_key(occurrence.purchase) else {
            self.other_elements += 1;
            return;
        };
        let order = self.orders.entry(key);
        let twice = std::mem::replace(&mut order.in_log, true);
        if order.log_revision == 0 {
            order.log_revision = revision.revision;
            if order.acknowledgement == Acknowledgement::Unplaced {
                order.at = revision.at;
                (order.user, order.event) = (self.users.number(occurrence.user), self.events.number(occurrence.event));
            }
        }
        let first = order.log_revision;
        self.follow_cancel(revision.revision, key, occurrence);
        self.expect_cancelled(revision.revision, key, occurrence);
        if twice {
            let explanation =
                format!("it was written at revision {first} and again at revision {} ({:.3} s)", revision.revision, seconds(revision.at));
            self.report(&DUPLICATE_ORDER, key, occurrence, Some(revision.revision), explanation);
        }
        self.compare_content(key, occurrence, Some(revision.revision), "in the log");
    }

    fn removed(&mut self, revision: &SequencedRevision<'_>, user: &Blob, event: &Blob, added: &[Purchase], removed: &[Purchase]) {
        for purchase in removed {
            let Some(key) = self.order_key(purchase) else { continue };
            let order = self.orders.entry(key);
            // One of two duplicates may be removed.
            order.in_log = false;
            let since = order.log_revision;
            let rewritten = added.iter().any(|other| other.id == purchase.id);
            if !rewritten {
                let occurrence = Occurrence { user: user.as_bytes(), event: event.as_bytes(), purchase, audit: None };
                let now = revision.revision;
                let explanation =
                    format!("it was written at revision {since} and removed by revision {now} ({:.3} s)", seconds(revision.at));
                self.report(&LOST_ORDER, key, &occurrence, Some(now), explanation);
            }
        }
    }

    /// Compares an entry with what was ordered, by whom and for which event.
    fn compare_content(&mut self, key: OrderKey, occurrence: &Occurrence<'_>, revision: Option<Revision>, place: &str) {
        let Some(order) = self.orders.get(&key).filter(|order| order.content != 0) else { return };
        let (user, event) = (order.user, order.event);
        let same = order.content == content_of(occurrence.purchase)
            && self.cancels_what_it_should(key, occurrence.purchase)
            && user == self.users.number(occurrence.user)
            && event == self.events.number(occurrence.event);
        if !same {
            let lines = occurrence.purchase.tickets.iter().map(|line| format!("{} {}", line.quantity, line.kind));
            let stored = lines.collect::<Vec<_>>().join(" + ");
            let what = match &occurrence.purchase.cancels {
                Some(cancelled) => format!("the cancellation of {cancelled} giving back"),
                None => "a purchase of".to_owned(),
            };
            let (ordered_by, ordered_for) = (self.users.name(user), self.events.name(event));
            let place = revision.map_or_else(|| place.to_owned(), |revision| format!("{place}, at revision {revision},"));
            let (user, event) = (String::from_utf8_lossy(occurrence.user), String::from_utf8_lossy(occurrence.event));
            let explanation = format!(
                "user {ordered_by} ordered it for event {ordered_for}; {place} it is {what} {stored} by {user} for event {event}, which differs from the order"
            );
            self.report(&ALTERED_ORDER, key, occurrence, revision, explanation);
        }
    }

    fn report(
        &mut self,
        kind: &'static AnomalyKind,
        key: OrderKey,
        occurrence: &Occurrence<'_>,
        revision: Option<Revision>,
        explanation: String,
    ) {
        self.reported += 1;
        if !self.locations.is_first(key, kind, occurrence.audit) {
            return;
        }
        let order = self.order_id(key);
        let (user, event) = (String::from_utf8_lossy(occurrence.user), String::from_utf8_lossy(occurrence.event));
        let anomaly = Anomaly {
            explanation: vec![format!("Order {order} of user {user} for event {event}: {explanation}.")],
            severity: 1,
            revision,
            keys: vec![self.keys.purchase(user, event).to_text()],
            orders: vec![order],
            ..Anomaly::default()
        };
        self.anomalies.add(kind, self.now, anomaly);
    }

    /// The order of this run that an entry belongs to.
    fn order_key(&self, purchase: &Purchase) -> Option<OrderKey> {
        let id: OrderId = purchase.id.as_deref()?.parse().ok()?;
        (id.run == self.run_tag).then_some(id.key)
    }

    fn order_id(&self, key: OrderKey) -> String {
        OrderId { run: self.run_tag.clone(), key }.to_string()
    }
}
