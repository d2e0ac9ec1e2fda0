//! A sale with reservations: reserve, then confirm, cancel, or let the lease run out.

use super::orders::{Basket, lines};
use super::transact::{Done, delete, exists, put, put_with_lease, unchanged};
use super::{RequestOutcome, SEEDER, Simulation};
use crate::shop::json;
use ticketcd_history::annotation::{OrderOutcome, Purpose, RejectionCause};
use ticketcd_history::request::{Guard, GuardTarget, Relation, TxnOp};
use ticketcd_history::{Blob, OrderKey, Revision};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::HoldRecord;

/// An order whose tickets are reserved.
#[derive(Clone, Debug)]
pub struct HeldOrder {
    /// The order.
    pub order: OrderKey,
    /// The lease of its reservation.
    pub lease: i64,
    /// The key of the reservation's record.
    pub record: Blob,
    /// The key that carries the lease.
    pub alive: Blob,
    reserved: Revision,
}

impl Simulation {
    /// Reserves: stock goes down, the record and the key with the lease are written. `Err` when it is sold out.
    pub fn reserve(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)], ttl: i64) -> Result<HeldOrder, OrderKey> {
        let basket = self.read(buyer, user, event, items)?;
        self.reserve_seen(basket, ttl)
    }

    /// The same by a strategy that does not check the stock.
    pub(crate) fn reserve_carelessly(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)], ttl: i64) {
        let order = self.place(buyer, user, event, items);
        let basket = self.look_at_stock(order, false);
        // The reservation is not used again.
        let _ = self.reserve_seen(basket, ttl);
    }

    fn reserve_seen(&mut self, basket: Basket, ttl: i64) -> Result<HeldOrder, OrderKey> {
        let order = basket.order;
        let (buyer, event, user) = (order.buyer, basket.event.clone(), basket.user.clone());
        let lease = self.grant(buyer, ttl);
        let id = format!("{}-{}-{}", self.info.run_tag, order.buyer, order.sequence);
        let (record, alive) = (self.keys.hold(&event, &id), self.keys.hold_alive(&event, &id));
        let mut guards = basket.guards();
        guards.push(unchanged(record.clone(), 0));
        let mut changes = basket.stock_changes(&self.keys);
        changes.push(put(record.clone(), json(&HoldRecord { user, tickets: lines(&basket.items) })));
        changes.push(put_with_lease(alive.clone(), Blob::default(), lease));
        match self.transact((buyer, Purpose::Purchase, vec![order]), guards, changes, RequestOutcome::Answered) {
            Done::Written(reserved) => Ok(HeldOrder { order, lease, record, alive, reserved }),
            done => {
                self.close_after(order, done, &basket.items);
                Err(order)
            }
        }
    }

    /// Confirms a reservation: it becomes a purchase, unless it is over.
    pub fn confirm(&mut self, held: &HeldOrder, outcome: RequestOutcome) {
        self.confirm_guarded(held, vec![unchanged(held.record.clone(), held.reserved), exists(held.alive.clone())], outcome);
    }

    /// Confirms a reservation with other compares than it should.
    pub fn confirm_guarded(&mut self, held: &HeldOrder, guards: Vec<Guard>, outcome: RequestOutcome) {
        self.confirm_deleting(held, guards, &[&held.record, &held.alive], outcome);
    }

    /// Confirms a reservation and forgets to delete its record.
    pub(crate) fn confirm_and_keep(&mut self, held: &HeldOrder) {
        self.confirm_deleting(held, vec![exists(held.alive.clone())], &[&held.alive], RequestOutcome::Answered);
    }

    fn confirm_deleting(&mut self, held: &HeldOrder, mut guards: Vec<Guard>, deleted: &[&Blob], outcome: RequestOutcome) {
        let basket = self.read_held(held, false);
        let purchases = self.keys.purchase(&basket.user, &basket.event);
        let before = self.cluster.written(&purchases);
        guards.push(unchanged(purchases, before));
        let mut changes: Vec<TxnOp> = deleted.iter().map(|key| delete((*key).clone())).collect();
        changes.push(basket.entry(&self.keys, &self.info.run_tag));
        match self.transact((held.order.buyer, Purpose::Purchase, vec![held.order]), guards, changes, outcome) {
            Done::Failed => self.reject(held.order, "the hold expired"),
            done => self.close_after(held.order, done, &basket.items),
        }
    }

    /// The buyer gives its reservation up: the stock goes back.
    pub fn let_go(&mut self, held: &HeldOrder) {
        let guards = vec![unchanged(held.record.clone(), held.reserved), exists(held.alive.clone())];
        self.give_back(held, (held.order.buyer, Purpose::Purchase), guards, &[&held.record, &held.alive]);
        self.reject(held.order, "given up");
    }

    /// A reservation that expired is released: the stock goes back.
    pub fn release(&mut self, held: &HeldOrder) {
        let gone =
            Guard { key: held.alive.clone(), range_end: Blob::default(), target: GuardTarget::Version(0), relation: Relation::Equal };
        self.give_back(
            held,
            (SEEDER, Purpose::Release),
            vec![unchanged(held.record.clone(), held.reserved), gone],
            &[&held.record, &held.alive],
        );
    }

    /// A reservation is released whatever its state: a strategy that forgets to look.
    pub fn release_unguarded(&mut self, held: &HeldOrder) {
        self.give_back(held, (SEEDER, Purpose::Release), Vec::new(), &[&held.record, &held.alive]);
    }

    /// A reservation that is alive is released: a strategy that takes the wrong key for the one that keeps it alive.
    pub(crate) fn release_alive(&mut self, held: &HeldOrder) {
        self.give_back(held, (SEEDER, Purpose::Release), Vec::new(), &[&held.record]);
    }

    /// A reservation that ended is written again without taking stock: a buyer that resends half of its request.
    pub(crate) fn reserve_without_stock(&mut self, held: &HeldOrder) {
        let Some((user, _, items)) = self.requests.get(&held.order).cloned() else { return };
        let record = put(held.record.clone(), json(&HoldRecord { user, tickets: lines(&items) }));
        self.transact((held.order.buyer, Purpose::Purchase, vec![held.order]), Vec::new(), vec![record], RequestOutcome::Answered);
    }

    /// The order ends without tickets.
    pub fn reject(&mut self, order: OrderKey, reason: &str) {
        self.close(order, OrderOutcome::Rejected { reason: reason.to_owned(), cause: RejectionCause::NotPaid }, Cents(0), 1);
    }

    fn give_back(&mut self, held: &HeldOrder, (worker, purpose): (u32, Purpose), mut guards: Vec<Guard>, deleted: &[&Blob]) {
        let basket = self.read_held(held, true);
        guards.extend(basket.guards());
        let mut changes = basket.stock_changes(&self.keys);
        changes.extend(deleted.iter().map(|key| delete((*key).clone())));
        self.transact((worker, purpose, vec![held.order]), guards, changes, RequestOutcome::Answered);
    }

    /// Reads what is needed to confirm a reservation or, with the stock, to give it back.
    fn read_held(&mut self, held: &HeldOrder, with_stock: bool) -> Basket {
        let (user, event, items) = self.requests.get(&held.order).cloned().expect("the order was placed");
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
