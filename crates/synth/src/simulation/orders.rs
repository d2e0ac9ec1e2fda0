//! Orders and cancellations, whatever the layout: read, decide, write.

use std::collections::BTreeMap;

use super::locks::LockHolder;
use super::transact::{Caller, Done, put, unchanged};
use super::{OrderRequest, PRICE, RequestOutcome, Simulation};
use crate::shop::json;
use ticketcd_history::annotation::{CancelPlaced, OrderOutcome, OrderPlaced, Purpose, RejectionCause};
use ticketcd_history::event::Event;
use ticketcd_history::request::{Guard, GuardTarget, KeyValue, Relation, TxnOp};
use ticketcd_history::{Blob, OrderKey};
use ticketcd_judge::model::records::{EventRecord, Purchase, PurchasedTicket, Shard, Ticket, parse_purchases};
use ticketcd_judge::model::{Cents, Keyspace};

/// What a buyer has seen when it decides.
#[derive(Clone, Debug)]
pub struct Basket {
    /// The order.
    pub order: OrderKey,
    pub(super) user: String,
    pub(super) event: String,
    /// The items of its entry.
    pub(super) items: Vec<(String, i64)>,
    /// Where it takes its tickets from, and how many.
    pub(super) takes: Vec<(Blob, i64)>,
    pub(super) cancels: Option<OrderKey>,
    pub(super) seen: BTreeMap<Blob, Option<KeyValue>>,
    /// The lock that its write is guarded by, instead of what was seen.
    fence: Option<LockHolder>,
}

impl Simulation {
    /// An order, bought safely: read, decide, one guarded transaction.
    pub fn buy(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)], outcome: RequestOutcome) -> OrderKey {
        match self.read(buyer, user, event, items) {
            Ok(basket) => self.commit(basket, true, outcome),
            Err(order) => order,
        }
    }

    /// The first half of an order: it is placed and the stock in the tickets is read. `Err` with the order when it is sold out.
    pub fn read(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)]) -> Result<Basket, OrderKey> {
        let order = self.place(buyer, user, event, items);
        self.decide(order, false)
    }

    /// The same with a stale-able, serializable read.
    pub fn read_serializable(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)]) -> Result<Basket, OrderKey> {
        let order = self.place(buyer, user, event, items);
        self.decide(order, true)
    }

    /// A buyer that knows the stock gives up without reading it again.
    pub fn refuse(&mut self, order: OrderKey) {
        self.close(order, OrderOutcome::SoldOut, Cents(0), 0);
    }

    /// A buyer places an order, and nothing is sent for it yet.
    pub fn place(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)]) -> OrderKey {
        let order = self.next_order(buyer);
        let sent = self.tick();
        let items: Vec<(String, i64)> = items.iter().map(|(kind, quantity)| ((*kind).to_owned(), *quantity)).collect();
        self.events.push(Event::OrderPlaced(OrderPlaced {
            order,
            user: user.into(),
            event: event.into(),
            items: blobs(&items),
            due: sent,
            sent,
        }));
        self.requests.insert(order, (user.to_owned(), event.to_owned(), items));
        order
    }

    /// The stock in the tickets is read for an order that was placed. `Err` when it is sold out.
    pub fn decide(&mut self, order: OrderKey, serializable: bool) -> Result<Basket, OrderKey> {
        let basket = self.look_at_stock(order, serializable);
        if basket.takes.iter().all(|(place, quantity)| basket.left(place).is_some_and(|left| left >= *quantity)) {
            Ok(basket)
        } else {
            self.refuse(order);
            Err(order)
        }
    }

    /// The same without a decision.
    pub(crate) fn look_at_stock(&mut self, order: OrderKey, serializable: bool) -> Basket {
        let (user, event, items) = self.requests.get(&order).cloned().expect("the order was placed");
        let mut wanted: Vec<Blob> = items.iter().map(|(kind, _)| self.keys.ticket(&event, kind)).collect();
        wanted.push(self.keys.event(&event));
        wanted.push(self.keys.purchase(&user, &event));
        let caller = (order.buyer, Purpose::Purchase, vec![order]);
        let takes = items.iter().map(|(kind, quantity)| (self.keys.ticket(&event, kind), *quantity)).collect();
        let basket = Basket { order, user, event, items, takes, cancels: None, seen: BTreeMap::new(), fence: None };
        self.fill(basket, caller, &wanted, serializable)
    }

    /// The second half of an order: what was decided is written, guarded by what was seen or, naively, not.
    pub fn commit(&mut self, basket: Basket, guarded: bool, outcome: RequestOutcome) -> OrderKey {
        let order = basket.order;
        let guards = match (&basket.fence, guarded) {
            (Some(lock), _) => vec![lock.guard()],
            (None, true) => basket.guards(),
            (None, false) => Vec::new(),
        };
        let changes = basket.changes(&self.keys, &self.info.run_tag);
        let purpose = if basket.cancels.is_some() { Purpose::Cancel } else { Purpose::Purchase };
        let done = self.transact((order.buyer, purpose, vec![order]), guards, changes, outcome);
        self.close_after(order, done, &basket.items);
        order
    }

    /// An order is closed by the outcome of its transaction.
    pub(super) fn close_after(&mut self, order: OrderKey, done: Done, items: &[(String, i64)]) {
        let (outcome, paid) = match done {
            Done::Written(revision) => {
                let cents: i128 = items.iter().map(|(_, quantity)| PRICE.times(*quantity)).sum();
                (OrderOutcome::Sold { revision }, Cents(i64::try_from(cents).unwrap_or(0)))
            }
            Done::Failed => (OrderOutcome::Conflict, Cents(0)),
            Done::Unknown => (OrderOutcome::Unknown, Cents(0)),
            Done::Refused => (OrderOutcome::Rejected { reason: "refused".to_owned(), cause: RejectionCause::RefusedByEtcd }, Cents(0)),
            Done::Open => return,
        };
        self.close(order, outcome, paid, 1);
    }

    /// Whether the entry of an order is there.
    pub fn has_bought(&self, order: OrderKey) -> bool {
        let Some((user, event, _)) = self.requests.get(&order) else { return false };
        let purchases = self.value(&self.keys.purchase(user, event)).and_then(|value| parse_purchases(value.as_bytes()).ok());
        let id = format!("{}-{}-{}", self.info.run_tag, order.buyer, order.sequence);
        purchases.is_some_and(|purchases| purchases.iter().any(|purchase| purchase.id.as_deref() == Some(&id)))
    }

    /// An order is cancelled, safely: what it bought goes back to where a buyer of the layout would put it.
    pub fn cancel(&mut self, order: OrderKey, outcome: RequestOutcome) -> OrderKey {
        let basket = self.read_to_cancel(order);
        self.commit(basket, true, outcome)
    }

    /// The first half of a cancellation.
    pub fn read_to_cancel(&mut self, cancelled: OrderKey) -> Basket {
        let order = self.next_order(cancelled.buyer);
        let (user, event, items) = self.requests.get(&cancelled).cloned().expect("the order was placed");
        let items: Vec<(String, i64)> = items.into_iter().map(|(kind, quantity)| (kind, -quantity)).collect();
        let sent = self.tick();
        self.events.push(Event::CancelPlaced(CancelPlaced {
            order,
            cancels: cancelled,
            user: user.as_str().into(),
            event: event.as_str().into(),
            items: blobs(&items),
            due: sent,
            sent,
        }));
        let is_sharded = self.cluster.get(&self.keys.shard(&event, &items[0].0, 0)).is_some();
        let place = |kind: &String| if is_sharded { self.keys.shard(&event, kind, 0) } else { self.keys.ticket(&event, kind) };
        let takes: Vec<(Blob, i64)> = items.iter().map(|(kind, quantity)| (place(kind), *quantity)).collect();
        let mut wanted: Vec<Blob> = takes.iter().map(|(place, _)| place.clone()).collect();
        wanted.push(self.keys.purchase(&user, &event));
        if !is_sharded {
            wanted.push(self.keys.event(&event));
        }
        let basket = Basket { order, user, event, items, takes, cancels: Some(cancelled), seen: BTreeMap::new(), fence: None };
        self.fill(basket, (order.buyer, Purpose::Cancel, vec![order]), &wanted, false)
    }

    /// The keys of a basket are read again, and the decision stays.
    pub fn look_again(&mut self, basket: Basket) -> Basket {
        let wanted: Vec<Blob> = basket.seen.keys().cloned().collect();
        let caller = (basket.order.buyer, Purpose::Purchase, vec![basket.order]);
        self.fill(basket, caller, &wanted, false)
    }

    /// Reads what a basket is decided by.
    pub(crate) fn fill(&mut self, mut basket: Basket, caller: Caller, wanted: &[Blob], serializable: bool) -> Basket {
        let seen = self.look(caller, wanted, serializable);
        basket.seen.extend(wanted.iter().cloned().zip(seen));
        basket
    }

    fn next_order(&mut self, buyer: u32) -> OrderKey {
        let count = self.order_counts.entry(buyer).or_default();
        *count += 1;
        OrderKey { buyer, sequence: *count }
    }
}

impl Basket {
    /// A basket for an order, empty of what was seen.
    pub(crate) fn new(order: OrderKey, (user, event, items): OrderRequest) -> Self {
        Self { order, user, event, items, takes: Vec::new(), cancels: None, seen: BTreeMap::new(), fence: None }
    }

    /// The same, to be written on the condition that a lock is still held.
    pub fn fenced_by(self, lock: &LockHolder) -> Self {
        Self { fence: Some(lock.clone()), ..self }
    }

    /// The order's entry names the order that it cancels.
    pub fn cancelling(self, order: OrderKey) -> Self {
        Self { cancels: Some(order), ..self }
    }

    /// What was left where it takes its first tickets from.
    pub(crate) fn in_first_place(&self) -> i64 {
        self.takes.first().and_then(|(place, _)| self.left(place)).unwrap_or(0)
    }

    /// Whether it takes all its tickets from one place.
    pub(crate) fn is_of_one_place(&self) -> bool {
        self.takes.len() == 1
    }

    pub(crate) fn record<Value: serde::de::DeserializeOwned>(&self, key: &Blob) -> Option<Value> {
        let kv = self.seen.get(key)?.as_ref()?;
        serde_json::from_slice(kv.value.as_bytes()).ok()
    }

    /// What was left there, in a ticket or a shard.
    pub(crate) fn left(&self, place: &Blob) -> Option<i64> {
        self.record::<Shard>(place).map(|record| record.current_quantity)
    }

    /// Nothing that was seen has changed.
    pub(crate) fn guards(&self) -> Vec<Guard> {
        self.seen.iter().map(|(key, seen)| unchanged(key.clone(), seen.as_ref().map_or(0, |kv| kv.mod_revision))).collect()
    }

    /// What the order writes, computed from what was seen.
    pub(crate) fn changes(&self, keys: &Keyspace, run_tag: &str) -> Vec<TxnOp> {
        let mut changes = self.stock_changes(keys);
        changes.push(self.entry(keys, run_tag));
        changes
    }

    /// What it takes from, or returns to, the stock.
    pub(crate) fn stock_changes(&self, keys: &Keyspace) -> Vec<TxnOp> {
        let mut changes = Vec::new();
        for (place, quantity) in &self.takes {
            if let Some(mut ticket) = self.record::<Ticket>(place) {
                ticket.current_quantity -= quantity;
                changes.push(put(place.clone(), json(&ticket)));
            } else if let Some(mut shard) = self.record::<Shard>(place) {
                shard.current_quantity -= quantity;
                changes.push(put(place.clone(), json(&shard)));
            }
        }
        let key = keys.event(&self.event);
        if let Some(mut event) = self.record::<EventRecord>(&key) {
            event.current_quantity -= self.items.iter().map(|(_, quantity)| quantity).sum::<i64>();
            changes.push(put(key, json(&event)));
        }
        changes
    }

    /// The purchases with the order's entry appended.
    pub(crate) fn entry(&self, keys: &Keyspace, run_tag: &str) -> TxnOp {
        let key = keys.purchase(&self.user, &self.event);
        let before = self.seen.get(&key).and_then(Option::as_ref);
        let mut purchases = before.and_then(|kv| parse_purchases(kv.value.as_bytes()).ok()).unwrap_or_default();
        let id = |order: OrderKey| format!("{run_tag}-{}-{}", order.buyer, order.sequence);
        purchases.push(Purchase {
            id: Some(id(self.order)),
            date: "01-05-2026 20:00".to_owned(),
            tickets: lines(&self.items),
            cancels: self.cancels.map(id),
        });
        put(key, json(&purchases))
    }
}

impl LockHolder {
    fn guard(&self) -> Guard {
        Guard {
            key: self.key.clone(),
            range_end: Blob::default(),
            target: GuardTarget::CreateRevision(self.create_revision),
            relation: Relation::Equal,
        }
    }
}

/// Items as the lines of an entry or a hold.
pub(crate) fn lines(items: &[(String, i64)]) -> Vec<PurchasedTicket> {
    items.iter().map(|(kind, quantity)| PurchasedTicket { kind: kind.clone(), quantity: *quantity, price: Some(PRICE) }).collect()
}

fn blobs(items: &[(String, i64)]) -> Vec<(Blob, i64)> {
    items.iter().map(|(kind, quantity)| (Blob::from(kind.as_str()), *quantity)).collect()
}
