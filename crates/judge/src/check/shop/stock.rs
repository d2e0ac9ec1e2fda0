//! The stock of every ticket as the log of revisions tells it, and which sales were computed from a stock that had
//! already changed.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::check::verdict::Anomaly;
use crate::check::{End, SequencedRevision, ShopChange};
use crate::history::run_info::{RunInfo, StockLayout};
use crate::model::records::Purchase;
use crate::model::{Blob, Keyspace, Revision};

/// The sales of a ticket that are kept, to find the two that conflict.
const RECENT_SALES: usize = 64;

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
    pub(super) malformed: u64,
}

/// The stock of an event.
#[derive(Debug, Default)]
pub(super) struct EventStock {
    pub(super) id: Blob,
    pub(super) name: String,
    /// What the event's own record says is left.
    pub(super) current: Option<i64>,
    pub(super) tickets: Vec<TicketStock>,
    /// Whether its record and its tickets have ever agreed: then its seeding is over.
    pub(super) settled: bool,
}

/// The stock of a ticket.
#[derive(Debug, Default)]
pub(super) struct TicketStock {
    pub(super) kind: Blob,
    /// How many there were when the ticket was created.
    pub(super) total: Option<i64>,
    /// How many there are by the record as it is now, when that is another number than before.
    pub(super) changed_total: Option<(i64, i64)>,
    pub(super) current: Option<i64>,
    /// What was left before the revision that touched it last.
    before: Option<i64>,
    /// By the purchases that are there.
    sold: i64,
    /// What was sold before the record tells of it: neither left when the ticket was first seen, nor in a purchase.
    sold_before: Option<i64>,
    /// Of what the last revision sold, what is not of this run.
    others_in_revision: i64,
    /// The revision that touched it last, and what that did.
    pub(super) revision: Revision,
    pub(super) sold_in_revision: i64,
    pub(super) current_changed: bool,
    /// The last sales.
    sales: VecDeque<Sale>,
    pub(super) conflicts: u64,
    pub(super) conflict: Option<Conflict>,
}

/// An order that bought of a ticket.
#[derive(Clone, Debug)]
pub(super) struct Sale {
    pub(super) revision: Revision,
    pub(super) order: String,
    pub(super) user: Blob,
    pub(super) quantity: i64,
    /// What the ticket's record said was left after it.
    pub(super) left: Option<i64>,
}

/// A sale that was computed from a stock which another had changed since.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// The one whose effect was erased, when it is still known.
    pub(super) erased: Option<Sale>,
    /// The one that erased it.
    pub(super) by: Sale,
    /// What that one had seen: the stock it started from.
    pub(super) seen: i64,
    /// What was really left then.
    pub(super) really: i64,
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
            malformed: 0,
        }
    }

    /// Applies a revision: the events it touched.
    pub(super) fn apply(&mut self, revision: &SequencedRevision<'_>) {
        self.revisions += 1;
        self.touched.clear();
        for change in &revision.changes {
            match change {
                ShopChange::Ticket { event, kind, after, .. } => {
                    let number = revision.revision;
                    let (stock, _) = self.touch(event);
                    let ticket = stock.ticket(kind.as_bytes(), number);
                    let current = after.as_ref().map(|after| after.current_quantity);
                    ticket.current_changed = ticket.current != current;
                    ticket.current = current;
                    if let Some(after) = after {
                        let total = *ticket.total.get_or_insert(after.total_quantity);
                        ticket.changed_total = (total != after.total_quantity).then_some((total, after.total_quantity));
                    }
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
                    self.sales += added.len() as u64;
                    let (stock, run_tag) = self.touch(event);
                    stock.count(revision.revision, removed, -1, run_tag);
                    stock.count(revision.revision, added, 1, run_tag);
                    stock.note_sales(revision.revision, user, added);
                }
                ShopChange::Malformed { .. } => self.malformed += 1,
                ShopChange::Hold { .. }
                | ShopChange::HoldAlive { .. }
                | ShopChange::Shard { .. }
                | ShopChange::Lock { .. }
                | ShopChange::Other => {}
            }
        }
        for touched in &self.touched {
            if let Some(event) = self.events.get_mut(*touched) {
                event.close(revision.revision);
            }
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

    /// How many ticket records were seen.
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
            self.tickets.push(TicketStock { kind: kind.into(), ..TicketStock::default() });
            self.tickets.len() - 1
        });
        let ticket = &mut self.tickets[index];
        if ticket.revision != revision {
            (ticket.revision, ticket.sold_in_revision, ticket.current_changed) = (revision, 0, false);
            ticket.others_in_revision = 0;
            ticket.before = ticket.current;
        }
        ticket
    }

    fn count(&mut self, revision: Revision, purchases: &[Purchase], sign: i64, run_tag: &str) {
        for purchase in purchases {
            let id = purchase.id.as_deref();
            let is_own = id.and_then(|id| id.strip_prefix(run_tag)).is_some_and(|rest| rest.starts_with('-'));
            for line in &purchase.tickets {
                let ticket = self.ticket(line.kind.as_bytes(), revision);
                let sold = line.quantity.saturating_mul(sign);
                ticket.sold = ticket.sold.saturating_add(sold);
                ticket.sold_in_revision = ticket.sold_in_revision.saturating_add(sold);
                if !is_own {
                    ticket.others_in_revision = ticket.others_in_revision.saturating_add(sold);
                }
            }
        }
    }

    fn note_sales(&mut self, revision: Revision, user: &Blob, added: &[Purchase]) {
        for purchase in added {
            for line in &purchase.tickets {
                let order = purchase.id.clone().unwrap_or_else(|| "without an id".to_owned());
                let sale = Sale { revision, order, user: user.clone(), quantity: line.quantity, left: None };
                self.ticket(line.kind.as_bytes(), revision).sales.push_back(sale);
            }
        }
    }

    /// After all changes of a revision: what each sale left, and whether it was computed from what was there.
    fn close(&mut self, revision: Revision) {
        for ticket in self.tickets.iter_mut().filter(|ticket| ticket.revision == revision) {
            ticket.close(revision);
        }
        let left = self.tickets.iter().map(|ticket| ticket.current).sum::<Option<i64>>();
        self.settled |= !self.tickets.is_empty() && left.is_some() && left == self.current;
    }

    /// The event for a person to read: its id and name.
    pub(super) fn told(&self) -> String {
        match self.name.as_str() {
            "" => format!("event {}", self.id.to_text()),
            name => format!("event {} ‘{name}’", self.id.to_text()),
        }
    }
}

impl TicketStock {
    fn close(&mut self, revision: Revision) {
        let (before, current) = (self.before, self.current);
        self.account_for_what_was_before();
        let mut own = self.sales.iter_mut().rev().take_while(|sale| sale.revision == revision);
        let (last, single) = (own.next(), own.next().is_none());
        if let (Some(sale), Some(left), Some(really)) = (last, current, before) {
            sale.left = Some(left);
            let seen = left.saturating_add(sale.quantity);
            // Orders sold together by one transaction cannot conflict with each other.
            if single && seen != really {
                let by = sale.clone();
                self.conflicts += 1;
                let erased = self.erased_by(&by, seen);
                self.conflict = Some(Conflict { erased, by, seen, really });
            }
        }
        while self.sales.len() > RECENT_SALES {
            self.sales.pop_front();
        }
    }

    /// A dataset may come with tickets that are sold already: what is missing when the ticket is first seen was sold before,
    /// and a purchase of somebody else that leaves the ticket as it is tells of such a sale once more.
    fn account_for_what_was_before(&mut self) {
        let (Some(total), Some(current)) = (self.total, self.current) else { return };
        if self.sold_before.is_none() {
            self.sold_before = Some(total.saturating_sub(current).saturating_sub(self.sold));
        } else if !self.current_changed {
            self.sold = self.sold.saturating_sub(self.others_in_revision);
            self.sold_in_revision = self.sold_in_revision.saturating_sub(self.others_in_revision);
        }
    }

    /// How many are sold, by the purchases and before the first of them.
    pub(super) fn sold(&self) -> i64 {
        self.sold.saturating_add(self.sold_before.unwrap_or(0))
    }

    /// How many the record shows being sold.
    pub(super) fn sold_on_record(&self) -> i64 {
        self.sold
    }

    /// The sale that came right after the stock was what `by` had seen.
    fn erased_by(&self, by: &Sale, seen: i64) -> Option<Sale> {
        let earlier: Vec<&Sale> = self.sales.iter().filter(|sale| sale.revision < by.revision).collect();
        let from = earlier.iter().rposition(|sale| sale.left == Some(seen)).map(|position| position + 1);
        let from = from.or_else(|| (self.total == Some(seen)).then_some(0))?;
        earlier.get(from).map(|sale| (*sale).clone())
    }

    /// The sales of a revision.
    pub(super) fn sales_of(&self, revision: Revision) -> impl Iterator<Item = &Sale> {
        self.sales.iter().filter(move |sale| sale.revision == revision)
    }

    /// The smallest set of orders that shows how it came about: two that started from the same stock.
    pub(super) fn explain(&self, story: &mut Vec<String>, orders: &mut Vec<String>) {
        let Some(Conflict { erased, by, seen, really }) = &self.conflict else { return };
        let left = by.left.unwrap_or(0);
        let later = format!("order {} of user {} (revision {})", by.order, by.user.to_text(), by.revision);
        match erased {
            Some(erased) => {
                story.push(format!(
                    "Order {} of user {} (revision {}) and {later} both saw {seen} left: the first bought {}, the second bought {} and wrote {left} left. \
                     By then {really} were left, so it should have written {}: the later write erased the earlier one.",
                    erased.order,
                    erased.user.to_text(),
                    erased.revision,
                    erased.quantity,
                    by.quantity,
                    really.saturating_sub(by.quantity),
                ));
                orders.push(erased.order.clone());
            }
            None => story.push(format!(
                "The stock was overwritten: {later} bought {} and wrote {left} left, so it had seen {seen}. By then {really} were left, so it should have written {}.",
                by.quantity,
                really.saturating_sub(by.quantity)
            )),
        }
        orders.push(by.order.clone());
        if self.conflicts > 1 {
            story.push(format!("This happened {} times to this ticket so far; the last is told here.", self.conflicts));
        }
    }
}

/// Where an anomaly shows.
pub(super) fn anomaly(keys: &Keyspace, event: &EventStock, kind: Option<&Blob>, revision: Revision) -> Anomaly {
    let key = match kind {
        Some(kind) => keys.ticket(event.id.to_text(), kind.to_text()),
        None => keys.event(event.id.to_text()),
    };
    Anomaly { revision: Some(revision), keys: vec![key.to_text()], ..Anomaly::default() }
}

/// Whether the checks of the stock know the layout of the run.
pub(super) fn knows_layout(info: &RunInfo) -> bool {
    info.layout == StockLayout::Plain
}

/// What a replay of the stock lacks to be proof.
pub(super) fn lacking(book: &StockBook, end: &End<'_>) -> Option<String> {
    if !knows_layout(end.info) {
        return Some("The stock of this run is not kept in the tickets alone; that layout cannot be judged yet.".to_owned());
    }
    let reason = match (book.revisions, book.sales) {
        (0, _) => "No revision was recorded.".to_owned(),
        (_, 0) => "No purchase was seen.".to_owned(),
        _ if end.diverged => "The members disagree about what was written, so there is no one log to replay.".to_owned(),
        _ if end.missing_revisions > 0 => {
            format!("The log lacks {} revisions; it is unbroken until revision {} only.", end.missing_revisions, end.last_revision)
        }
        _ if book.malformed > 0 => format!("Of the shop's values {} could not be read.", book.malformed),
        _ if !end.complete => "The record was cut off; what came after is not known.".to_owned(),
        _ => return None,
    };
    Some(reason)
}
