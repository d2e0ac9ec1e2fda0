//! Revenue, counted in three ways that must agree to the cent, for each event:
//!
//! * counters: Σ price × (total − current) over its tickets, less what is in shards or held, which is neither left in the
//!   ticket nor sold;
//! * records: Σ price × quantity over the purchases in the data, where cancellations have negative quantities;
//! * receipts: Σ of the buyers' receipts for purchases less those for refunds, plus the orders with an unknown outcome that
//!   are in the data (resolved by order id), plus purchases that are not of this run.
//!
//! Source: query 2 of the original TickETCD (total revenue per event type) and double-entry book-keeping. Counters and records
//! are compared at the last revision of the log, which writes both at once. Receipts are compared only if the record is
//! complete: in a truncated record, the log may end before the last receipt.
//!
//! Sums are `i128`: no amount of sales overflows them.

mod book;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use self::book::{Book, sold};
use super::demand::Demand;
use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::verdict::{Anomaly, Finding, RevenueRow};
use crate::shop::model::Keyspace;
use crate::shop::model::Total;
use crate::shop::model::records::{HoldRecord, Purchase, Ticket};
use crate::shop::replay::{self, ShopChange};
use ticketcd_history::annotation::{OrderClosed, OrderOutcome};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, Nanos, OrderId, OrderKey, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "revenue",
    promise: "By event type, the counters, the purchase records and the buyers' receipts agree to the cent.",
    source: "query 2 of the original TickETCD, and double-entry bookkeeping",
    kinds: &[&COUNTERS_DIFFER_FROM_RECORDS, &RECEIPTS_DIFFER_FROM_RECORDS],
    basis: Basis::Log,
    view: Some(replay::view),
    online: false,
};

static COUNTERS_DIFFER_FROM_RECORDS: AnomalyKind =
    AnomalyKind::new("counters_differ_from_records", "The revenue by stock counters differs from the revenue by purchase records.");
static RECEIPTS_DIFFER_FROM_RECORDS: AnomalyKind =
    AnomalyKind::new("receipts_differ_from_records", "The revenue by the buyers' receipts differs from the revenue by purchase records.");

/// The type of an event without a record.
const NO_TYPE: &str = "(no event record)";

/// The check.
#[derive(Debug)]
pub struct Revenue {
    run_tag: Box<str>,
    books: FxHashMap<Blob, Book>,
    /// Orders that are open, or whose outcome is unknown, with their event and, if they are in the data, their value in cents.
    uncertain: FxHashMap<OrderKey, (Blob, i128)>,
    /// Receipts whose entries are not in the log yet, to report the first that does not match.
    awaited: FxHashMap<OrderKey, (Blob, i128)>,
    /// Entries without a receipt or an order of unknown outcome: of orders that no buyer placed, that were refused, or that
    /// have more than one entry. Only for the explanation.
    without_receipt: FxHashMap<OrderKey, WithoutReceipt>,
    receipts: u64,
    demand: Demand,
    /// Whether there are purchases.
    has_purchases: bool,
    /// Receipts of cancellations.
    refunds: u64,
    revisions: u64,
    last_revision: Revision,
    last_acknowledged: Revision,
    /// Lines without a price, as the original wrote them.
    unpriced_lines: u64,
    repriced_tickets: u64,
    now: Nanos,
}

/// The entries of an order beyond its receipt.
#[derive(Debug)]
struct WithoutReceipt {
    event: Blob,
    cents: i128,
    /// When that occurred first, and whether an entry was removed.
    revision: Revision,
    has_gone: bool,
}

impl Revenue {
    /// The check for this run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            run_tag: info.run_tag.as_str().into(),
            books: FxHashMap::default(),
            uncertain: FxHashMap::default(),
            awaited: FxHashMap::default(),
            without_receipt: FxHashMap::default(),
            receipts: 0,
            demand: Demand::default(),
            has_purchases: false,
            refunds: 0,
            revisions: 0,
            last_revision: 0,
            last_acknowledged: 0,
            unpriced_lines: 0,
            repriced_tickets: 0,
            now: 0,
        }
    }
}

impl Check for Revenue {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Revision)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        if let Observation::Event(event) = observation {
            self.demand.observe(event);
        }
        match observation {
            Observation::Event(Event::OrderPlaced(placed)) => self.placed(placed.order, &placed.event, placed.sent),
            Observation::Event(Event::CancelPlaced(placed)) => self.placed(placed.order, &placed.event, placed.sent),
            Observation::Event(Event::OrderClosed(closed)) => self.closed(closed),
            Observation::Revision(revision) => self.revision(revision),
            _ => {}
        }
    }

    fn applies(&self) -> bool {
        self.demand.may_be() || self.has_purchases
    }

    fn finish(mut self: Box<Self>, end: &End<'_>) -> Finding {
        self.note_missing_entries();
        self.note_entries_without_receipt();
        let mut unknown: FxHashMap<&Blob, i128> = FxHashMap::default();
        for (event, cents) in self.uncertain.values().filter(|(_, cents)| *cents != 0) {
            *unknown.entry(event).or_default() += cents;
        }
        let mut reasons = self.reasons(end);
        let mut anomalies = Anomalies::new();
        let judged = end.log.missing == 0;
        let whole = judged && end.complete && self.last_acknowledged <= self.last_revision && self.unpriced_lines == 0;
        let counted = judged && self.unpriced_lines == 0 && self.repriced_tickets == 0;
        let mut unexplained = 0;
        let mut events: Vec<(&Blob, &Book)> = self.books.iter().collect();
        events.sort_unstable_by_key(|(event, _)| *event);
        for (event, book) in &events {
            let receipts = book.receipts + unknown.get(event).copied().unwrap_or(0) + book.other;
            if counted && !book.counters_agree() && book.earned_before != 0 {
                unexplained += 1;
            } else if counted && !book.counters_agree() {
                let (left, right) = (("the ticket counters", book.counters), ("the purchase records", book.records));
                let mismatch = self.mismatch(end, event, (left, right), book.wrong_price.as_ref());
                anomalies.add(&COUNTERS_DIFFER_FROM_RECORDS, self.now, mismatch);
            }
            if whole && receipts != book.records {
                let (left, right) = (("the receipts and resolved orders", receipts), ("the purchase records", book.records));
                let mismatch = self.mismatch(end, event, (left, right), book.wrong_receipt.as_ref());
                anomalies.add(&RECEIPTS_DIFFER_FROM_RECORDS, self.now, mismatch);
            }
        }
        if unexplained > 0 {
            reasons.push(format!("For {unexplained} events, tickets had been sold before the record began, and no purchases show which."));
        }
        let rows = table(&events, &unknown, &mut reasons);
        let counts = evidence([
            ("events", self.books.len() as u64),
            ("receipts", self.receipts),
            ("refunds", self.refunds),
            ("unknown_applied", self.uncertain.values().filter(|(_, cents)| *cents != 0).count() as u64),
            ("revisions", self.revisions),
        ]);
        Finding { revenue: rows, ..anomalies.into_finding(&CHECK, counts, one_reason(&reasons)) }
    }
}

impl Revenue {
    fn placed(&mut self, order: OrderKey, event: &Blob, sent: Nanos) {
        self.uncertain.entry(order).or_insert_with(|| (event.clone(), 0));
        self.now = self.now.max(sent);
    }

    fn closed(&mut self, closed: &OrderClosed) {
        self.now = self.now.max(closed.done);
        if closed.outcome == OrderOutcome::Unknown {
            return;
        }
        let Some((event, recorded)) = self.uncertain.remove(&closed.order) else { return };
        if let OrderOutcome::Sold { revision } = closed.outcome {
            self.receipts += 1;
            self.refunds += u64::from(closed.paid_cents < 0);
            self.last_acknowledged = self.last_acknowledged.max(revision);
            let paid = i128::from(closed.paid_cents);
            self.books.entry(event.clone()).or_default().receipts += paid;
            if recorded == 0 {
                self.awaited.insert(closed.order, (event, paid));
            } else if recorded != paid {
                self.note_receipt(closed.order, &event, paid, recorded);
            }
        } else if recorded != 0 {
            self.without_receipt(closed.order, &event, recorded, false);
        }
    }

    fn revision(&mut self, revision: &SequencedRevision<'_>) {
        self.revisions += 1;
        (self.last_revision, self.now) = (revision.revision, self.now.max(revision.at));
        for change in replay::changes(revision) {
            match change {
                ShopChange::Event { event, before, after } => {
                    // The type is kept if the event is deleted, because its sales still count.
                    if let Some(record) = after.as_ref().or(before.as_ref()) {
                        self.books.entry(event.clone()).or_default().event_type = Some(record.kind.as_str().into());
                    }
                }
                ShopChange::Ticket { event, kind, before, after } => self.ticket(event, kind, before.as_ref(), after.as_ref()),
                ShopChange::Shard { event, kind, before, after, .. } => {
                    let moved = after.unwrap_or(0).saturating_sub(before.unwrap_or(0));
                    self.book(event).put_aside(kind, moved, None);
                }
                ShopChange::Hold { event, before, after, .. } => {
                    self.hold(event, before.as_ref(), -1);
                    self.hold(event, after.as_ref(), 1);
                }
                ShopChange::Purchases { event, added, removed, .. } => {
                    self.has_purchases = true;
                    for purchase in added {
                        self.record(event, purchase, 1);
                    }
                    for purchase in removed {
                        self.record(event, purchase, -1);
                    }
                }
                _ => {}
            }
        }
    }

    fn ticket(&mut self, event: &Blob, kind: &Blob, before: Option<&Ticket>, after: Option<&Ticket>) {
        if let (Some(before), Some(after)) = (before, after) {
            self.repriced_tickets += u64::from(before.price != after.price);
        }
        let book = self.book(event);
        book.counters += sold(after) - sold(before);
        if let (None, Some(after)) = (before, after) {
            book.earned_before += sold(Some(after));
            book.prices.push((kind.clone(), after.price));
        }
    }

    fn hold(&mut self, event: &Blob, record: Option<&HoldRecord>, sign: i64) {
        let book = self.book(event);
        for line in record.into_iter().flat_map(|record| &record.tickets) {
            book.put_aside(&Blob::from(line.kind.as_str()), line.quantity.saturating_mul(sign), line.price);
        }
    }

    fn book(&mut self, event: &Blob) -> &mut Book {
        self.books.entry(event.clone()).or_default()
    }

    fn record(&mut self, event: &Blob, purchase: &Purchase, sign: i128) {
        let mut cents = 0;
        for line in &purchase.tickets {
            match line.price {
                Some(price) => cents += sign * price.times(line.quantity),
                None => self.unpriced_lines += 1,
            }
        }
        let book = self.books.entry(event.clone()).or_default();
        if sign > 0 {
            purchase.tickets.iter().for_each(|line| book.compare_price(purchase.id.as_deref().unwrap_or("without an id"), line));
        }
        book.records += cents;
        let id = purchase.id.as_deref().and_then(|id| id.parse::<OrderId>().ok());
        match id.filter(|id| id.run == self.run_tag) {
            None => book.other += cents,
            Some(id) => {
                if let Some((_, resolved)) = self.uncertain.get_mut(&id.key) {
                    *resolved += cents;
                } else if let Some((_, paid)) = self.awaited.remove(&id.key) {
                    if paid != cents {
                        self.note_receipt(id.key, event, paid, cents);
                    }
                } else {
                    self.without_receipt(id.key, event, cents, sign < 0);
                }
            }
        }
    }

    /// The receipt of an order differs from its entry: the first of an event is reported.
    fn note_receipt(&mut self, key: OrderKey, event: &Blob, paid: i128, recorded: i128) {
        self.name_first(key, event, format!("has a receipt of {} and an entry of {}", Total(paid), Total(recorded)));
    }

    /// An order that explains why receipts and entries differ, unless an earlier one does.
    fn name_first(&mut self, key: OrderKey, event: &Blob, what: String) {
        let id = OrderId { run: self.run_tag.clone(), key }.to_string();
        self.book(event).wrong_receipt.get_or_insert((id, what));
    }

    /// Receipts without an entry: the first of each event is reported, unless a different entry was.
    fn note_missing_entries(&mut self) {
        let mut missing: Vec<(OrderKey, (Blob, i128))> = self.awaited.drain().collect();
        missing.sort_unstable_by_key(|(key, _)| *key);
        for (key, (event, paid)) in missing {
            self.name_first(key, &event, format!("has a receipt of {} and no entry", Total(paid)));
        }
    }

    fn without_receipt(&mut self, key: OrderKey, event: &Blob, cents: i128, has_gone: bool) {
        let revision = self.last_revision;
        let new = || WithoutReceipt { event: event.clone(), cents: 0, revision, has_gone };
        self.without_receipt.entry(key).or_insert_with(new).cents += cents;
    }

    /// Entries without a receipt: the first of each event is reported, unless a different receipt was.
    fn note_entries_without_receipt(&mut self) {
        let mut entries: Vec<_> = self.without_receipt.drain().filter(|(_, entry)| entry.cents != 0).collect();
        entries.sort_unstable_by_key(|(key, entry)| (entry.revision, *key));
        for (key, WithoutReceipt { event, cents, revision, has_gone }) in entries {
            let what = match has_gone {
                true => format!("lost an entry of {} at revision {revision}", Total(-cents)),
                false => format!("has entries of {} without a receipt", Total(cents)),
            };
            self.name_first(key, &event, what);
        }
    }

    fn reasons(&self, end: &End<'_>) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut when = |so: bool, reason: &str| {
            if so {
                reasons.push(reason.to_owned());
            }
        };
        when(self.revisions == 0, "No revision was delivered.");
        when(self.receipts == 0, "No order was acknowledged.");
        when(end.log.missing > 0, "The log of revisions has a gap.");
        when(!end.complete, "The record is incomplete, so receipts cannot be compared with records.");
        when(self.last_acknowledged > self.last_revision, "The log ends before the last receipt.");
        when(self.unpriced_lines > 0, "Some purchases have no price.");
        when(self.repriced_tickets > 0, "Ticket prices were changed, so the counters do not show what was paid.");
        reasons
    }

    fn mismatch(
        &self,
        end: &End<'_>,
        event: &Blob,
        ((one, left), (two, right)): ((&str, i128), (&str, i128)),
        first: Option<&(String, String)>,
    ) -> Anomaly {
        let key = Keyspace::new(end.info.prefix.as_str()).event(event.to_text()).to_text();
        let (more, less, difference) = if left > right { (one, two, left - right) } else { (two, one, right - left) };
        let mut explanation = vec![
            format!(
                "At revision {} ({:.3} s), the revenue of {key} is {} by {one} and {} by {two}.",
                self.last_revision,
                seconds(self.now),
                Total(left),
                Total(right)
            ),
            format!("By {more}, it is {} higher than by {less}.", Total(difference)),
        ];
        explanation.extend(first.map(|(order, what)| format!("The first order that does not match is {order}: it {what}.")));
        Anomaly {
            explanation,
            orders: first.map(|(order, _)| order.clone()).into_iter().collect(),
            severity: u64::try_from(difference).unwrap_or(u64::MAX),
            revision: Some(self.last_revision),
            keys: vec![key],
            ..Anomaly::default()
        }
    }
}

/// The sums by event type. Sums that are too large for the table are clamped, which makes the verdict unknown.
fn table(events: &[(&Blob, &Book)], unknown: &FxHashMap<&Blob, i128>, reasons: &mut Vec<String>) -> Vec<RevenueRow> {
    let mut sums: BTreeMap<&str, [i128; 5]> = BTreeMap::new();
    for (event, book) in events {
        let unknown = unknown.get(event).copied().unwrap_or(0);
        let row = sums.entry(book.event_type.as_deref().unwrap_or(NO_TYPE)).or_default();
        for (sum, cents) in row.iter_mut().zip([book.counters, book.records, book.receipts, unknown, book.other]) {
            *sum += cents;
        }
    }
    let mut fit = |cents: i128| {
        i64::try_from(cents).unwrap_or_else(|_| {
            reasons.push("A sum is too large for the table.".to_owned());
            if cents < 0 { i64::MIN } else { i64::MAX }
        })
    };
    let mut row = |(event_type, [counters, records, receipts, unknown, other]): (&str, [i128; 5])| RevenueRow {
        event_type: event_type.to_owned(),
        counters_cents: fit(counters),
        records_cents: fit(records),
        receipts_cents: fit(receipts),
        unknown_cents: fit(unknown),
        other_cents: fit(other),
    };
    sums.into_iter().map(&mut row).collect()
}
