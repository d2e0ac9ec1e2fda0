//! Oversell: at every revision, for every ticket, no stock is below 0, no more than the total is left, and no more are sold,
//! or reserved and sold together, than exist. Cancelled tickets are not sold.
//!
//! Source: the rule of the original TickETCD, that a ticket is sold once; the stock is where the run's strategy keeps it (the
//! ticket's own record, its shards, holds).

use super::stock::{self, EventStock, StockBook, StockKey, TicketStock};
use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::verdict::{Anomaly, Finding};
use crate::shop::model::Keyspace;
use crate::shop::replay;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Nanos, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "oversell",
    promise: "At every revision, no ticket's stock is below zero or above its total, and no more tickets are reserved and sold than exist.",
    source: "the rule of the original TickETCD: a ticket is sold once",
    kinds: &[&NEGATIVE_STOCK, &STOCK_ABOVE_TOTAL, &TOTAL_CHANGED, &OVERSOLD, &OVER_RESERVED],
    basis: Basis::Log,
    view: Some(replay::view),
    online: true,
};

static NEGATIVE_STOCK: AnomalyKind = AnomalyKind::new("negative_stock", "The stock of a ticket is below zero.");
static STOCK_ABOVE_TOTAL: AnomalyKind = AnomalyKind::new("stock_above_total", "The stock of a ticket is above its total.");
static TOTAL_CHANGED: AnomalyKind = AnomalyKind::new("total_changed", "The total of a ticket changed during the sale.");
static OVERSOLD: AnomalyKind = AnomalyKind::new("oversold", "By the purchases, more tickets were sold than exist.");
static OVER_RESERVED: AnomalyKind = AnomalyKind::new("over_reserved", "More tickets are reserved and sold than exist.");

/// The check. Totals are read from the tickets as they are created.
#[derive(Debug)]
pub struct Oversell {
    keys: Keyspace,
    book: StockBook,
    anomalies: Anomalies,
}

impl Oversell {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        Self { keys: Keyspace::new(info.prefix.as_str()), book: StockBook::new(info), anomalies: Anomalies::new() }
    }

    fn judge(&mut self, revision: &SequencedRevision<'_>) {
        for event in self.book.touched() {
            for ticket in event.tickets.iter().filter(|ticket| ticket.revision == revision.revision) {
                let case = Case { keys: &self.keys, event, ticket, revision: revision.revision, at: revision.at };
                for (kind, anomaly) in case.anomalies(revision.after_hole) {
                    self.anomalies.add(kind, revision.at, anomaly);
                }
            }
        }
    }
}

impl Check for Oversell {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Revision)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(event) => self.book.observe(event),
            Observation::Revision(revision) => {
                self.book.apply(revision);
                self.judge(revision);
            }
            _ => {}
        }
    }

    fn applies(&self) -> bool {
        self.book.is_called_upon() || !self.anomalies.is_empty()
    }

    fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let lacking = stock::lacking(&self.book, end);
        let sold = self.book.events().iter().flat_map(|event| &event.tickets).map(TicketStock::sold_on_record);
        let sold = u64::try_from(sold.fold(0_i64, i64::saturating_add)).unwrap_or(0);
        let counts = evidence([
            ("revisions", self.book.revisions),
            ("tickets", self.book.tickets()),
            ("sales", self.book.sales),
            ("cancellations", self.book.cancellations),
            ("holds", self.book.holds),
            ("shards", self.book.shards),
            ("tickets_sold", sold),
        ]);
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

/// A ticket as a revision left it.
struct Case<'book> {
    keys: &'book Keyspace,
    event: &'book EventStock,
    ticket: &'book TicketStock,
    revision: Revision,
    at: Nanos,
}

impl Case<'_> {
    /// Violations that the revision caused or made worse: a wrong stock stays wrong, and a later sale from it is not another
    /// violation. After a gap in the log only the ticket's own record counts: purchases may have been removed in the gap.
    fn anomalies(&self, after_hole: bool) -> Vec<(&'static AnomalyKind, Anomaly)> {
        let ticket = self.ticket;
        let Some(total) = ticket.total else { return Vec::new() };
        let mut found = Vec::new();
        let (sold, held) = (ticket.sold(), ticket.held());
        let reserved = sold.saturating_add(held);
        if sold > total && ticket.sold_in_revision > 0 && !after_hole {
            found.push((&OVERSOLD, self.describe(sold.saturating_sub(total), &format!("bringing sales to {sold} of {total}"), true)));
        } else if reserved > total && ticket.held_in_revision > 0 && !after_hole {
            let what = format!("bringing the total to {sold} sold and {held} reserved of {total}");
            found.push((&OVER_RESERVED, self.describe(reserved.saturating_sub(total), &what, true)));
        }
        for stock_key in ticket.changed_keys() {
            let before = stock_key.before.unwrap_or(0).min(0);
            if let Some(current) = stock_key.current.filter(|current| *current < before) {
                found.push((&NEGATIVE_STOCK, self.describe_key(stock_key, current)));
            }
        }
        if let Some(available) = ticket.available().filter(|available| *available > total.max(ticket.available_before())) {
            let what = format!("leaving {available} of {total}");
            found.push((&STOCK_ABOVE_TOTAL, self.describe(available.saturating_sub(total), &what, false)));
        }
        if let Some((from, to)) = ticket.changed_total() {
            let what = format!("changing its total from {from} to {to}");
            found.push((&TOTAL_CHANGED, self.describe(to.saturating_sub(from).saturating_abs(), &what, false)));
        }
        found
    }

    fn describe_key(&self, stock_key: &StockKey, current: i64) -> Anomaly {
        let Some(number) = stock_key.number else {
            return self.describe(current.saturating_neg(), &format!("leaving {current}"), true);
        };
        let mut anomaly = self.describe(current.saturating_neg(), &format!("leaving {current} in shard {number}"), true);
        let key = self.keys.shard(self.event.id.to_text(), self.ticket.kind.to_text(), number);
        anomaly.keys.push(key.to_text());
        anomaly
    }

    fn describe(&self, severity: i64, what: &str, explain: bool) -> Anomaly {
        let (ticket, revision) = (self.ticket, self.revision);
        let kind = ticket.kind.to_text();
        let event = self.event.name_in_words();
        let mut anomaly = stock::anomaly(self.keys, self.event, Some(&ticket.kind), revision);
        let moment = format!("At revision {revision} ({:.3} s)", seconds(self.at));
        let sales: Vec<String> = ticket
            .sales_of(revision)
            .map(|sale| {
                anomaly.orders.push(sale.order.clone());
                let (verb, quantity) = sale.effect();
                let noun = if quantity == 1 { "ticket" } else { "tickets" };
                format!("order {} of user {} {verb} {quantity} {kind} {noun} of {event}", sale.order, sale.user.to_text())
            })
            .collect();
        let first = match sales.is_empty() {
            true => format!("{moment}, the {kind} ticket of {event} was changed without a sale, {what}."),
            false => format!("{moment}, {}, {what}.", sales.join(", ")),
        };
        anomaly.explanation.push(first);
        if explain {
            ticket.explain(&mut anomaly.explanation, &mut anomaly.orders);
        }
        anomaly.orders.sort_unstable();
        anomaly.orders.dedup();
        anomaly.severity = severity.unsigned_abs();
        anomaly
    }
}
