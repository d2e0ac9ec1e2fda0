//! The stock of every ticket by the log of revisions, in every layout: in the ticket's own record, in shards, in holds; and
//! the sales that were computed from an outdated stock.
//!
//! All of these keys count in every layout, so a stock that a strategy keeps in the wrong key is still counted once.

mod conflict;
#[cfg(test)]
mod layout_tests;
#[cfg(test)]
mod tests;
mod ticket;

use rustc_hash::FxHashMap;

pub(super) use self::ticket::{Balance, StockKey, TicketStock};
use super::demand::Demand;
use crate::core::check::{End, SequencedRevision};
use crate::core::verdict::Anomaly;
use crate::shop::model::Keyspace;
use crate::shop::model::records::{HoldRecord, Purchase};
use crate::shop::replay::{self, ShopChange};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::{RunInfo, StockLayout};
use ticketcd_history::{Blob, Revision};

/// The stock of all events.
#[derive(Debug)]
pub(super) struct StockBook {
    run_tag: Box<str>,
    events: Vec<EventStock>,
    by_id: FxHashMap<Blob, usize>,
    /// The events that the last revision changed.
    touched: Vec<usize>,
    pub(super) revisions: u64,
    pub(super) sales: u64,
    pub(super) cancellations: u64,
    pub(super) holds: u64,
    pub(super) shards: u64,
    pub(super) malformed: u64,
    demand: Demand,
}

/// The stock of an event.
#[derive(Debug, Default)]
pub(super) struct EventStock {
    pub(super) id: Blob,
    pub(super) name: String,
    /// The counter in the event's own record.
    pub(super) current: Option<i64>,
    pub(super) tickets: Vec<TicketStock>,
    /// Whether its record and its tickets have ever agreed: then it is completely seeded.
    pub(super) settled: bool,
    /// By how much its counter exceeds the sum of its tickets.
    pub(super) balance: Balance,
}

impl StockBook {
    /// The stock of a run.
    pub(super) fn new(info: &RunInfo) -> Self {
        Self {
            run_tag: info.run_tag.as_str().into(),
            events: Vec::new(),
            by_id: FxHashMap::default(),
            touched: Vec::new(),
            revisions: 0,
            sales: 0,
            cancellations: 0,
            holds: 0,
            shards: 0,
            malformed: 0,
            demand: Demand::default(),
        }
    }

    /// Processes an event of the run.
    pub(super) fn observe(&mut self, event: &Event) {
        self.demand.observe(event);
    }

    /// Whether the run tested the promises about stock: there was a purchase attempt, or the stock changed.
    pub(super) fn is_called_upon(&self) -> bool {
        self.demand.may_be() || self.sales > 0 || self.holds > 0
    }

    /// Applies a revision.
    pub(super) fn apply(&mut self, revision: &SequencedRevision<'_>) {
        self.revisions += 1;
        self.touched.clear();
        for change in replay::changes(revision) {
            self.change(revision.revision, change);
        }
        for touched in &self.touched {
            if let Some(event) = self.events.get_mut(*touched) {
                event.close(revision.revision);
            }
        }
    }

    fn change(&mut self, revision: Revision, change: &ShopChange) {
        match change {
            ShopChange::Ticket { event, kind, after, .. } => {
                let (stock, _) = self.touch(event);
                let ticket = stock.ticket(kind.as_bytes(), revision);
                ticket.write_record(revision, after.as_ref());
            }
            ShopChange::Shard { event, kind, number, before, after } => {
                self.shards += u64::from(before.is_none() && after.is_some());
                let (stock, _) = self.touch(event);
                stock.ticket(kind.as_bytes(), revision).write_shard(revision, *number, *after);
            }
            ShopChange::Event { event, after, .. } => {
                let (stock, _) = self.touch(event);
                stock.current = after.as_ref().map(|after| after.current_quantity);
                if let Some(after) = after
                    && stock.name != after.name
                {
                    stock.name.clone_from(&after.name);
                }
            }
            ShopChange::Purchases { user, event, added, removed } => {
                let cancellations = added.iter().filter(|purchase| purchase.cancels.is_some()).count() as u64;
                self.cancellations += cancellations;
                self.sales += (added.len() as u64).saturating_sub(cancellations);
                let (stock, run_tag) = self.touch(event);
                for purchase in removed {
                    stock.count(revision, purchase, -1, run_tag);
                }
                for purchase in added {
                    stock.count(revision, purchase, 1, run_tag);
                    stock.note_purchase(revision, user, purchase);
                }
            }
            ShopChange::Hold { event, order, before, after } => {
                self.holds += u64::from(before.is_none() && after.is_some());
                let (stock, _) = self.touch(event);
                for (record, sign) in [(before, -1), (after, 1)] {
                    if let Some(record) = record {
                        stock.note_hold(revision, order, record, sign);
                    }
                }
            }
            ShopChange::Malformed { .. } => self.malformed += 1,
            ShopChange::HoldAlive { .. } | ShopChange::Lock { .. } | ShopChange::Other => {}
        }
    }

    /// The events that the last revision changed.
    pub(super) fn touched(&self) -> impl Iterator<Item = &EventStock> {
        self.touched.iter().filter_map(|touched| self.events.get(*touched))
    }

    /// All events.
    pub(super) fn events(&self) -> &[EventStock] {
        &self.events
    }

    /// The number of tickets.
    pub(super) fn tickets(&self) -> u64 {
        self.events.iter().flat_map(|event| &event.tickets).filter(|ticket| ticket.total.is_some()).count() as u64
    }

    /// The event, about to be changed, and the tag of the run.
    fn touch(&mut self, id: &Blob) -> (&mut EventStock, &str) {
        let index = match self.by_id.get(id) {
            Some(index) => *index,
            None => {
                self.events.push(EventStock { id: id.clone(), ..EventStock::default() });
                self.by_id.insert(id.clone(), self.events.len() - 1);
                self.events.len() - 1
            }
        };
        if !self.touched.contains(&index) {
            self.touched.push(index);
        }
        (&mut self.events[index], &self.run_tag)
    }
}

impl EventStock {
    /// The ticket of a type, about to be changed by a revision.
    fn ticket(&mut self, kind: &[u8], revision: Revision) -> &mut TicketStock {
        let index = self.tickets.iter().position(|ticket| ticket.kind.as_bytes() == kind).unwrap_or_else(|| {
            self.tickets.push(TicketStock::new(kind));
            self.tickets.len() - 1
        });
        let ticket = &mut self.tickets[index];
        ticket.begin(revision);
        ticket
    }

    fn count(&mut self, revision: Revision, purchase: &Purchase, sign: i64, run_tag: &str) {
        let id = purchase.id.as_deref();
        let is_own = id.and_then(|id| id.strip_prefix(run_tag)).is_some_and(|rest| rest.starts_with('-'));
        for line in &purchase.tickets {
            self.ticket(line.kind.as_bytes(), revision).count_sold(line.quantity.saturating_mul(sign), is_own);
        }
    }

    fn note_purchase(&mut self, revision: Revision, user: &Blob, purchase: &Purchase) {
        for line in &purchase.tickets {
            let ticket = self.ticket(line.kind.as_bytes(), revision);
            ticket.note(revision, purchase.id.as_deref(), user, (line.quantity, 0));
        }
    }

    fn note_hold(&mut self, revision: Revision, order: &Blob, record: &HoldRecord, sign: i64) {
        let (order, user) = (order.to_text(), Blob::from(record.user.as_str()));
        for line in &record.tickets {
            let quantity = line.quantity.saturating_mul(sign);
            let ticket = self.ticket(line.kind.as_bytes(), revision);
            ticket.count_held(quantity);
            ticket.note(revision, Some(&order), &user, (0, quantity));
        }
    }

    /// After all changes of a revision: checks each sale against the stock it was computed from, and updates the balances.
    fn close(&mut self, revision: Revision) {
        for ticket in self.tickets.iter_mut().filter(|ticket| ticket.revision == revision) {
            ticket.close();
        }
        let owed = self.owed();
        self.settled |= !self.tickets.is_empty() && self.current.is_some() && owed == self.current;
        if !self.settled {
            return;
        }
        for ticket in self.tickets.iter_mut().filter(|ticket| ticket.revision == revision) {
            ticket.weigh();
        }
        if let (Some(owed), Some(current)) = (owed, self.current) {
            self.balance.weigh(current.saturating_sub(owed));
        }
    }

    /// The correct counter of the event. None while part of its stock is in shards: its record is then not maintained, and
    /// restored when the shards are merged.
    pub(super) fn owed(&self) -> Option<i64> {
        let is_sharded = self.tickets.iter().any(TicketStock::is_sharded);
        if is_sharded { None } else { self.tickets.iter().map(TicketStock::current).sum() }
    }

    /// The event in words: its id and name.
    pub(super) fn name_in_words(&self) -> String {
        match self.name.as_str() {
            "" => format!("event {}", self.id.to_text()),
            name => format!("event {} ‘{name}’", self.id.to_text()),
        }
    }
}

/// The effect of each order on a ticket in a revision, a sentence each.
pub(super) fn sales_in_words(ticket: &TicketStock, revision: Revision) -> Vec<String> {
    let sentences = ticket.sales_of(revision).map(|sale| {
        let ((verb, quantity), kind) = (sale.effect(), ticket.kind.to_text());
        format!("Order {} of user {} wrote that revision: it {verb} {quantity} {kind}.", sale.order, sale.user.to_text())
    });
    sentences.collect()
}

/// An anomaly with its revision and key.
pub(super) fn anomaly(keys: &Keyspace, event: &EventStock, kind: Option<&Blob>, revision: Revision) -> Anomaly {
    let key = match kind {
        Some(kind) => keys.ticket(event.id.to_text(), kind.to_text()),
        None => keys.event(event.id.to_text()),
    };
    Anomaly { revision: Some(revision), keys: vec![key.to_text()], ..Anomaly::default() }
}

/// Why a replay of the stock is not enough evidence.
pub(super) fn lacking(book: &StockBook, end: &End<'_>) -> Option<String> {
    let reason = match (book.revisions, book.sales) {
        (0, _) => "No revision was recorded.".to_owned(),
        (_, 0) => "No purchase was seen.".to_owned(),
        _ if end.info.layout == StockLayout::Sharded && book.shards == 0 => "No shard was seen.".to_owned(),
        _ if end.log.diverged_from.is_some() => {
            "The members disagree about the content of a revision, so there is no single log to replay.".to_owned()
        }
        _ if end.log.missing > 0 => {
            let revisions = if end.log.missing == 1 { "revision" } else { "revisions" };
            format!("The log lacks {} {revisions} and is complete only up to revision {}.", end.log.missing, end.log.unbroken_until)
        }
        _ if book.malformed > 0 => format!("{} values of the shop could not be parsed.", book.malformed),
        _ if !end.complete => "The record is incomplete: its end is missing.".to_owned(),
        _ => return None,
    };
    Some(reason)
}
