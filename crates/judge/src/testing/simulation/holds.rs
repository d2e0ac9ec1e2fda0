//! A sale with reservations: reserve, then confirm, cancel, or let the lease run out.

use super::orders::{Basket, lines};
use super::transact::{Change, Done, delete, exists, put, unchanged};
use super::{Fate, SEEDER, Simulation, json};
use crate::history::call::{OrderOutcome, Purpose};
use crate::history::request::{Guard, GuardTarget, Relation};
use crate::model::records::HoldRecord;
use crate::model::{Blob, Cents, OrderKey, Revision};

/// An order whose tickets are reserved.
#[derive(Clone, Debug)]
pub struct HeldOrder {
    /// The order.
    pub order: OrderKey,
    /// The lease of its reservation.
    pub lease: i64,
    /// The key that says what is reserved.
    pub record: Blob,
    /// The key that carries the lease.
    pub alive: Blob,
    reserved: Revision,
}

impl Simulation {
    /// Reserves: stock goes down, the record and the key with the lease are written. `Err` when it is sold out.
    pub fn reserve(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)], ttl: i64) -> Result<HeldOrder, OrderKey> {
        let basket = self.read(buyer, user, event, items)?;
        let order = basket.order;
        let lease = self.grant(buyer, ttl);
        let id = format!("{}-{}-{}", self.info.run_tag, order.buyer, order.sequence);
        let (record, alive) = (self.keys.hold(event, &id), self.keys.hold_alive(event, &id));
        let mut guards = basket.guards();
        guards.push(unchanged(record.clone(), 0));
        let mut changes = basket.stock_changes(&self.keys);
        changes.push(put(record.clone(), json(&HoldRecord { user: user.to_owned(), tickets: lines(&basket.items) })));
        changes.push(Change { lease, ..put(alive.clone(), Blob::default()) });
        match self.transact((buyer, Purpose::Purchase, vec![order]), guards, changes, Fate::Answered) {
            Done::Written(reserved) => Ok(HeldOrder { order, lease, record, alive, reserved }),
            done => {
                self.close_after(order, done, &basket.items);
                Err(order)
            }
        }
    }

    /// Confirms a reservation: it becomes a purchase, unless it is over.
    pub fn confirm(&mut self, held: &HeldOrder, fate: Fate) {
        self.confirm_guarded(held, vec![unchanged(held.record.clone(), held.reserved), exists(held.alive.clone())], fate);
    }

    /// Confirms a reservation under other guards than it should.
    pub fn confirm_guarded(&mut self, held: &HeldOrder, mut guards: Vec<Guard>, fate: Fate) {
        let basket = self.read_held(held, false);
        let purchases = self.keys.purchase(&basket.user, &basket.event);
        let before = self.store.get(&purchases).map_or(0, |kv| kv.mod_revision);
        guards.push(unchanged(purchases, before));
        let changes = vec![delete(held.record.clone()), delete(held.alive.clone()), basket.entry(&self.keys, &self.info.run_tag)];
        match self.transact((held.order.buyer, Purpose::Purchase, vec![held.order]), guards, changes, fate) {
            Done::Failed => self.reject(held.order, "the hold expired"),
            done => self.close_after(held.order, done, &basket.items),
        }
    }

    /// The buyer gives its reservation up: the stock goes back.
    pub fn let_go(&mut self, held: &HeldOrder) {
        let guards = vec![unchanged(held.record.clone(), held.reserved), exists(held.alive.clone())];
        self.give_back(held, (held.order.buyer, Purpose::Purchase), guards);
        self.reject(held.order, "given up");
    }

    /// A reservation that expired is released: the stock goes back.
    pub fn release(&mut self, held: &HeldOrder) {
        let gone =
            Guard { key: held.alive.clone(), range_end: Blob::default(), target: GuardTarget::Version(0), relation: Relation::Equal };
        self.give_back(held, (SEEDER, Purpose::Release), vec![unchanged(held.record.clone(), held.reserved), gone]);
    }

    /// A reservation is released whatever its state: a strategy that forgets to look.
    pub fn release_unguarded(&mut self, held: &HeldOrder) {
        self.give_back(held, (SEEDER, Purpose::Release), Vec::new());
    }

    /// The buyer is told that it got nothing.
    pub fn reject(&mut self, order: OrderKey, reason: &str) {
        self.close(order, OrderOutcome::Rejected { reason: reason.to_owned() }, Cents(0), 1);
    }

    fn give_back(&mut self, held: &HeldOrder, (worker, purpose): (u32, Purpose), mut guards: Vec<Guard>) {
        let basket = self.read_held(held, true);
        guards.extend(basket.guards());
        let mut changes = basket.stock_changes(&self.keys);
        changes.extend([delete(held.record.clone()), delete(held.alive.clone())]);
        self.transact((worker, purpose, vec![held.order]), guards, changes, Fate::Answered);
    }

    /// Reads what is needed to confirm a reservation or, with the stock, to give it back.
    fn read_held(&mut self, held: &HeldOrder, with_stock: bool) -> Basket {
        let (user, event, items) = self.wishes.get(&held.order).cloned().expect("the order was placed");
        let mut basket = Basket::new(held.order, (user.clone(), event.clone(), items));
        let mut wanted = vec![self.keys.purchase(&user, &event)];
        if with_stock {
            basket.items.iter_mut().for_each(|(_, quantity)| *quantity = -*quantity);
            basket.takes = basket.items.iter().map(|(kind, quantity)| (self.keys.ticket(&event, kind), *quantity)).collect();
            wanted = basket.takes.iter().map(|(place, _)| place.clone()).chain([self.keys.event(&event)]).collect();
        }
        self.fill(basket, (held.order.buyer, Purpose::Purchase, vec![held.order]), &wanted, false)
    }
}
