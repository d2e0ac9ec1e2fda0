//! Conservation: at every revision, for every ticket, total = left in its record + left in its shards + held + sold, where a
//! cancellation counts as a negative sale; and an event's counter is the sum of its tickets.
//!
//! Source: double-entry book-keeping; every strategy moves tickets between these in one transaction. While part of an event's
//! stock is in shards its counter is not maintained, so that buyers do not contend for one key: it must be correct again when
//! the last shard is removed.
//!
//! Evaluated after all events of a revision, and for an event only once its record and its tickets have agreed: until then it
//! is being seeded. An imbalance persists, so it is counted when it appears and when it changes.

use super::stock::{self, Balance, EventStock, StockBook, TicketStock};
use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind, SequencedRevision};
use crate::core::verdict::{Anomaly, Finding};
use crate::shop::model::Keyspace;
use crate::shop::replay;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::seconds;

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "conservation",
    promise: "At every revision, a ticket's total equals what is left, held and sold, and an event's counter equals the sum of its tickets.",
    source: "double-entry bookkeeping",
    kinds: &[&LOST_UPDATE, &VANISHED_TICKETS, &SURPLUS_TICKETS, &EVENT_COUNTER],
    basis: Basis::Log,
    view: Some(replay::view),
    online: true,
};

static LOST_UPDATE: AnomalyKind =
    AnomalyKind::new("lost_update", "A write was computed from an outdated stock and overwrote another write.");
static VANISHED_TICKETS: AnomalyKind = AnomalyKind::new("vanished_tickets", "Tickets left the stock and are neither held nor sold.");
static SURPLUS_TICKETS: AnomalyKind =
    AnomalyKind::new("surplus_tickets", "There are more tickets in stock, held and sold than the total, and no write overwrote another.");
static EVENT_COUNTER: AnomalyKind = AnomalyKind::new("event_counter", "An event's counter differs from the sum of its tickets.");

/// The check.
#[derive(Debug)]
pub struct Conservation {
    keys: Keyspace,
    /// Until the first gap.
    book: StockBook,
    anomalies: Anomalies,
    judged: u64,
}

impl Conservation {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        Self { keys: Keyspace::new(info.prefix.as_str()), book: StockBook::new(info), anomalies: Anomalies::new(), judged: 0 }
    }

    fn judge(&mut self, revision: &SequencedRevision<'_>) {
        for event in self.book.touched().filter(|event| event.settled) {
            self.judged += 1;
            for ticket in event.tickets.iter().filter(|ticket| ticket.revision == revision.revision) {
                let Some((kind, anomaly)) = judge_ticket(&self.keys, event, ticket, revision) else { continue };
                self.anomalies.add(kind, revision.at, anomaly);
            }
            if let Some(anomaly) = judge_event(&self.keys, event, revision) {
                self.anomalies.add(&EVENT_COUNTER, revision.at, anomaly);
            }
        }
    }
}

impl Check for Conservation {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Revision)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(event) => self.book.observe(event),
            // A sale may be in the gap.
            Observation::Revision(revision) if !revision.after_hole => {
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
        let sold = |event: &&EventStock| event.tickets.iter().any(|ticket| ticket.sold_on_record() != 0);
        let unsettled = self.book.events().iter().filter(sold).filter(|event| !event.settled).count();
        let lacking = stock::lacking(&self.book, end).or_else(|| {
            (unsettled > 0).then(|| {
                format!("For {unsettled} events with sales, the event's counter and its tickets never agreed, so they were not checked.")
            })
        });
        let counts = evidence([
            ("revisions", self.book.revisions),
            ("judged", self.judged),
            ("events", self.book.events().len() as u64),
            ("sales", self.book.sales),
            ("cancellations", self.book.cancellations),
            ("holds", self.book.holds),
            ("shards", self.book.shards),
        ]);
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

fn judge_ticket(
    keys: &Keyspace,
    event: &EventStock,
    ticket: &TicketStock,
    revision: &SequencedRevision<'_>,
) -> Option<(&'static AnomalyKind, Anomaly)> {
    let (total, available, accounted) = (ticket.total?, ticket.available()?, ticket.accounted()?);
    if !ticket.balance.is_newly_wrong() {
        return None;
    }
    let Balance { before, now } = ticket.balance;
    let mut anomaly = stock::anomaly(keys, event, Some(&ticket.kind), revision.revision);
    anomaly.severity = now.abs_diff(before);
    anomaly.orders = ticket.sales_of(revision.revision).map(|sale| sale.order.clone()).collect();
    let was = if before == 0 { String::new() } else { format!("; before it, the sum was {}", total.saturating_add(before)) };
    anomaly.explanation.push(format!(
        "At revision {} ({:.3} s), the {} ticket of {} has {} and {} sold: {accounted} instead of {total}{was}.",
        revision.revision,
        seconds(revision.at),
        ticket.kind.to_text(),
        event.name_in_words(),
        unsold(ticket, available),
        ticket.sold(),
    ));
    // Two buyers got the same tickets only if one of them is known to have overwritten the other.
    let kind = match now > before {
        true if ticket.erases_in(revision.revision) => &LOST_UPDATE,
        true => &SURPLUS_TICKETS,
        false => &VANISHED_TICKETS,
    };
    if ticket.conflicts_in(revision.revision) {
        ticket.explain(&mut anomaly.explanation, &mut anomaly.orders);
    } else {
        anomaly.explanation.extend(stock::sales_in_words(ticket, revision.revision));
    }
    let changed = match anomaly.severity {
        1 => "1 ticket is".to_owned(),
        some => format!("{some} tickets are"),
    };
    if *kind == VANISHED_TICKETS {
        anomaly.explanation.push(format!("{changed} neither left, held nor sold{}.", if before > 0 { " any more" } else { "" }));
    } else if *kind == SURPLUS_TICKETS {
        let were = if anomaly.severity == 1 { "was" } else { "were" };
        anomaly.explanation.push(format!("{changed} counted that {were} not counted before."));
    }
    anomaly.orders.sort_unstable();
    anomaly.orders.dedup();
    Some((kind, anomaly))
}

/// The tickets that are not sold, by where they are.
fn unsold(ticket: &TicketStock, available: i64) -> String {
    let place = if ticket.is_sharded() { format!(" ({} of them in shards)", ticket.in_shards()) } else { String::new() };
    match ticket.held() {
        0 => format!("{available} left{place}"),
        held => format!("{available} left{place}, {held} held"),
    }
}

fn judge_event(keys: &Keyspace, event: &EventStock, revision: &SequencedRevision<'_>) -> Option<Anomaly> {
    let (current, left) = (event.current?, event.owed()?);
    if !event.balance.is_newly_wrong() {
        return None;
    }
    let mut anomaly = stock::anomaly(keys, event, None, revision.revision);
    anomaly.severity = left.abs_diff(current);
    let sales = event.tickets.iter().flat_map(|ticket| ticket.sales_of(revision.revision));
    anomaly.orders = sales.map(|sale| sale.order.clone()).collect();
    anomaly.orders.dedup();
    anomaly.explanation.push(format!(
        "At revision {} ({:.3} s), the counter of {} is {current}, but its tickets have {left} left.",
        revision.revision,
        seconds(revision.at),
        event.name_in_words(),
    ));
    let sales = event.tickets.iter().flat_map(|ticket| stock::sales_in_words(ticket, revision.revision));
    anomaly.explanation.extend(sales.collect::<Vec<_>>());
    Some(anomaly)
}
