//! The shop: its tickets, its events, and their records.

use crate::draw::Draw;
use crate::mutation::Mutation;
use crate::run::Size;
use ticketcd_history::Blob;
use ticketcd_history::request::KeyValue;
use ticketcd_judge::model::records::{EventRecord, Purchase, PurchasedTicket, Ticket};
use ticketcd_judge::model::{Cents, Keyspace};

/// Ticket types.
const KINDS: [&str; 2] = ["pink", "yellow"];

/// When purchases are entered: one date for all of a run, as a real run has.
const DATE: &str = "01-05-2026 20:00";

/// Tickets of an event, beside the last one, which may have fewer.
const TICKETS_PER_EVENT: u32 = 2;

/// A ticket on sale. How many are left is in the cluster.
#[derive(Debug)]
pub(crate) struct TicketState {
    pub(crate) kind: &'static str,
    pub(crate) key: Blob,
    pub(crate) total: i64,
    pub(crate) price: Cents,
}

/// An event on sale.
#[derive(Debug)]
pub(crate) struct EventState {
    pub(crate) id: String,
    pub(crate) key: Blob,
    pub(crate) record: EventRecord,
    /// The indices of its tickets.
    pub(crate) tickets: Vec<usize>,
}

/// The shop.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) keys: Keyspace,
    pub(crate) tickets: Vec<TicketState>,
    pub(crate) events: Vec<EventState>,
    /// The number of users.
    pub(crate) users: u32,
}

impl Shop {
    /// A shop whose tickets are sold out when some four fifths of the operations are made.
    pub(crate) fn new(size: &Size, draw: &mut Draw) -> Self {
        let keys = Keyspace::new("");
        let events = if size.tickets == 1 { 1 } else { size.tickets.div_ceil(TICKETS_PER_EVENT) };
        let mut shop = Self {
            keys,
            tickets: Vec::new(),
            events: Vec::new(),
            users: u32::try_from(size.operations / 20).unwrap_or(u32::MAX).max(size.buyers).max(10),
        };
        for number in 0..events {
            let tickets = (size.tickets - number * TICKETS_PER_EVENT).min(TICKETS_PER_EVENT);
            shop.add_event(number, events, tickets, size.operations, draw);
        }
        shop
    }

    fn add_event(&mut self, number: u32, events: u32, tickets: u32, operations: u64, draw: &mut Draw) {
        let id = format!("e{}", number + 1);
        // The share of the draws that `Draw::popular` gives to this event.
        let root = |number: u32| (f64::from(number) / f64::from(events)).sqrt();
        let share = root(number + 1) - root(number);
        let wanted = operations as f64 * 0.12 * share / f64::from(tickets);
        let total = (wanted as i64).max(6);
        let first = self.tickets.len();
        for kind in KINDS.iter().take(tickets as usize) {
            let price = Cents(1_000 + 10 * draw.below(900) as i64);
            let key = self.keys.ticket(&id, kind);
            self.tickets.push(TicketState { kind, key, total, price });
        }
        let kind = ["concert", "theatre", "opera"][draw.below(3) as usize];
        let record = EventRecord {
            name: format!("Evening {}", number + 1),
            description: "One night only".to_owned(),
            location: ["Athens", "Patras", "Volos"][draw.below(3) as usize].to_owned(),
            kind: kind.to_owned(),
            date: "01-06-2026 21:00".to_owned(),
            current_quantity: total * i64::from(tickets),
        };
        let key = self.keys.event(&id);
        self.events.push(EventState { id, key, record, tickets: (first..self.tickets.len()).collect() });
    }

    /// The key of a user's purchases for an event.
    pub(crate) fn purchase_key(&self, user: u32, event: usize) -> Blob {
        self.keys.purchase(user_name(user), &self.events[event].id)
    }

    /// The record of a ticket with so many left.
    pub(crate) fn ticket_value(&self, ticket: usize, current_quantity: i64) -> Blob {
        self.ticket_value_of(ticket, self.tickets[ticket].total, current_quantity)
    }

    /// The same with another total than there is.
    pub(crate) fn ticket_value_of(&self, ticket: usize, total_quantity: i64, current_quantity: i64) -> Blob {
        json(&Ticket { total_quantity, current_quantity, price: self.tickets[ticket].price })
    }

    /// The record of an event with so many left.
    pub(crate) fn event_value(&mut self, event: usize, current_quantity: i64) -> Blob {
        let record = &mut self.events[event].record;
        let now = std::mem::replace(&mut record.current_quantity, current_quantity);
        let value = json(record);
        record.current_quantity = now;
        value
    }

    /// The search indexes. A mutation of them is there from the start.
    pub(crate) fn indexes(&self, mutation: Option<Mutation>) -> Vec<(Blob, Blob)> {
        let mut indexes: std::collections::BTreeMap<Blob, Vec<&str>> = std::collections::BTreeMap::new();
        for EventState { id, record, .. } in &self.events {
            let words = words(record);
            let words = words.iter().map(|word| self.keys.search_text(word));
            for key in [self.keys.search_type(&record.kind), self.keys.search_location(&record.location)].into_iter().chain(words) {
                indexes.entry(key).or_default().push(id);
            }
        }
        if let Some(EventState { id, record, .. }) = self.events.first() {
            let by_type = indexes.entry(self.keys.search_type(&record.kind)).or_default();
            match mutation {
                Some(Mutation::MissingIndexEntry) => by_type.retain(|listed| listed != id),
                Some(Mutation::DanglingIndexEntry) => by_type.push("e0"),
                Some(Mutation::WrongIndexEntry) => indexes.entry(self.keys.search_location("Rhodes")).or_default().push(id),
                _ => {}
            }
        }
        indexes.into_iter().map(|(key, events)| (key, json(&events))).collect()
    }
}

/// The words of an event in the search index.
fn words(record: &EventRecord) -> std::collections::BTreeSet<String> {
    const LETTERS_MIN: usize = 3;
    let text = format!("{} {}", record.name, record.description).to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| word.chars().count() >= LETTERS_MIN).map(str::to_owned).collect()
}

/// The name of a user.
pub(crate) fn user_name(user: u32) -> String {
    format!("user-{user}")
}

/// The purchases so far with one more element.
pub(crate) fn append(before: Option<&KeyValue>, id: String, tickets: Vec<PurchasedTicket>, cancels: Option<String>) -> Blob {
    let element = json(&Purchase { id: Some(id), date: DATE.to_owned(), tickets, cancels });
    let mut value = match before.and_then(|kv| kv.value.as_bytes().strip_suffix(b"]")) {
        Some(before) => {
            let mut value = Vec::with_capacity(before.len() + element.len() + 2);
            value.extend_from_slice(before);
            value.push(b',');
            value
        }
        None => b"[".to_vec(),
    };
    value.extend_from_slice(element.as_bytes());
    value.push(b']');
    value.into()
}

/// How many tickets are left by a record of a ticket, a shard or an event; 0 when it has no such field.
pub(crate) fn quantity(kv: &KeyValue) -> i64 {
    const FIELD: &str = "\"current_quantity\":";
    // The records are those that `json` wrote, and are read with every order: searching is faster than parsing.
    let text = kv.value.as_str().unwrap_or_default();
    let Some(value) = text.rfind(FIELD).and_then(|at| text.get(at + FIELD.len()..)) else { return 0 };
    let end = value.find(|letter: char| !letter.is_ascii_digit() && letter != '-').unwrap_or(value.len());
    value[..end].parse().unwrap_or(0)
}

/// A record of the shop as it is written.
pub(crate) fn json(value: &impl serde::Serialize) -> Blob {
    // Serializing fails only for maps with keys that are not strings, and records of the shop have none.
    serde_json::to_vec(value).unwrap_or_default().into()
}
