//! A sale out of shards: stock is moved there before it and folded back behind it.

use super::orders::Basket;
use super::transact::{delete, put};
use super::{RequestOutcome, SEEDER, Simulation};
use crate::shop::json;
use ticketcd_history::annotation::Purpose;
use ticketcd_history::request::KeyValue;
use ticketcd_history::{Blob, OrderKey, Revision};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, Shard, Ticket};

impl Simulation {
    /// Moves the stock of every ticket of an event into so many shards.
    pub fn open(&mut self, event: &str, shards: u32) {
        let tickets = self.tickets_of(event);
        let basket = self.look_as_settler(tickets.iter().map(|(_, key)| key.clone()).collect());
        let mut changes = Vec::new();
        for (kind, key) in &tickets {
            let Some(mut ticket) = basket.record::<Ticket>(key) else { continue };
            let stock = std::mem::take(&mut ticket.current_quantity);
            for number in 0..shards {
                let part = stock / i64::from(shards) + i64::from(i64::from(number) < stock % i64::from(shards));
                changes.push(put(self.keys.shard(event, kind, number), json(&Shard { current_quantity: part })));
            }
            changes.push(put(key.clone(), json(&ticket)));
        }
        self.transact((SEEDER, Purpose::Settle, Vec::new()), basket.guards(), changes, RequestOutcome::Answered);
    }

    /// Returns what is left in the shards of an event back into its tickets, and updates its record.
    pub fn settle(&mut self, event: &str) {
        let tickets = self.tickets_of(event);
        let shards = self.shards_of(event);
        let mut wanted: Vec<Blob> = tickets.iter().map(|(_, key)| key.clone()).chain(shards.iter().map(|(_, key)| key.clone())).collect();
        let record_key = self.keys.event(event);
        wanted.push(record_key.clone());
        let basket = self.look_as_settler(wanted);
        let mut changes: Vec<_> = shards.iter().map(|(_, key)| delete(key.clone())).collect();
        let mut left = 0;
        for (kind, key) in &tickets {
            let Some(mut ticket) = basket.record::<Ticket>(key) else { continue };
            let parts = shards.iter().filter(|(of, _)| of == kind).filter_map(|(_, key)| basket.left(key));
            ticket.current_quantity += parts.sum::<i64>();
            left += ticket.current_quantity;
            changes.push(put(key.clone(), json(&ticket)));
        }
        if let Some(mut record) = basket.record::<EventRecord>(&record_key) {
            record.current_quantity = left;
            changes.push(put(record_key, json(&record)));
        }
        self.transact((SEEDER, Purpose::Settle, Vec::new()), basket.guards(), changes, RequestOutcome::Answered);
    }

    /// An order out of one shard or, when that has too little, out of all that there is.
    pub fn buy_sharded(
        &mut self,
        buyer: u32,
        user: &str,
        event: &str,
        items: &[(&str, i64)],
        shard: u32,
        outcome: RequestOutcome,
    ) -> OrderKey {
        match self.read_shard(buyer, user, event, items, shard) {
            Ok(basket) => self.commit(basket, true, outcome),
            Err(order) => order,
        }
    }

    /// The first half of an order out of one shard. `Err` when all shards and tickets together have too few.
    pub fn read_shard(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)], shard: u32) -> Result<Basket, OrderKey> {
        let basket = self.read_one_shard(buyer, user, event, items, shard);
        let order = basket.order;
        let (caller, purchases) = ((buyer, Purpose::Purchase, vec![order]), self.keys.purchase(user, event));
        if basket.takes.iter().all(|(place, quantity)| basket.left(place).is_some_and(|left| left >= *quantity)) {
            return Ok(basket);
        }
        let places: Vec<(String, Blob)> = self.tickets_of(event).into_iter().chain(self.shards_of(event)).collect();
        let mut wanted: Vec<Blob> = places.iter().map(|(_, key)| key.clone()).collect();
        wanted.push(purchases);
        let mut basket = self.fill(basket, caller, &wanted, false);
        basket.takes.clear();
        for (kind, quantity) in basket.items.clone() {
            let mut missing = quantity;
            for (_, place) in places.iter().filter(|(of, _)| *of == kind) {
                let part = basket.left(place).unwrap_or(0).min(missing);
                missing -= part;
                basket.takes.extend((part > 0).then(|| (place.clone(), part)));
            }
            if missing > 0 {
                self.refuse(order);
                return Err(order);
            }
        }
        Ok(basket)
    }

    /// The first half of an order out of one shard, whatever is in it.
    pub(crate) fn read_one_shard(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)], shard: u32) -> Basket {
        let order = self.place(buyer, user, event, items);
        let request = self.requests.get(&order).cloned().expect("the order was placed");
        let mut basket = Basket::new(order, request);
        basket.takes = items.iter().map(|(kind, quantity)| (self.keys.shard(event, kind, shard), *quantity)).collect();
        let mut wanted: Vec<Blob> = basket.takes.iter().map(|(place, _)| place.clone()).collect();
        wanted.push(self.keys.purchase(user, event));
        self.fill(basket, (buyer, Purpose::Purchase, vec![order]), &wanted, false)
    }

    /// Moves tickets from one shard to another, and loses one on the way. Says whether there was one to lose.
    pub(crate) fn lose_one(&mut self, event: &str, kind: &str) -> bool {
        let [from, to] = [0, 1].map(|number| self.keys.shard(event, kind, number));
        let mut basket = self.look_as_settler(vec![from.clone(), to.clone()]);
        if basket.left(&from).is_none_or(|left| left < 1) || basket.left(&to).is_none() {
            return false;
        }
        basket.takes = vec![(from, 1), (to, 0)];
        let changes = basket.stock_changes(&self.keys);
        self.transact((SEEDER, Purpose::Settle, Vec::new()), basket.guards(), changes, RequestOutcome::Answered);
        true
    }

    /// Changes a shard by force: a write that no buyer asked for.
    pub fn force_shard(&mut self, event: &str, kind: &str, number: u32, current_quantity: i64) -> Revision {
        let key = self.keys.shard(event, kind, number);
        self.write(vec![(key, Some(json(&Shard { current_quantity })))])
    }

    fn look_as_settler(&mut self, wanted: Vec<Blob>) -> Basket {
        let basket = Basket::new(OrderKey { buyer: SEEDER, sequence: 0 }, Default::default());
        self.fill(basket, (SEEDER, Purpose::Settle, Vec::new()), &wanted, false)
    }

    /// The tickets of an event: type and key.
    pub(crate) fn tickets_of(&self, event: &str) -> Vec<(String, Blob)> {
        self.under(&self.keys.tickets_of(event))
    }

    fn shards_of(&self, event: &str) -> Vec<(String, Blob)> {
        self.under(&self.keys.shards_of(event))
    }

    /// The keys under a prefix, each with the part of its name that follows.
    fn under(&self, prefix: &Blob) -> Vec<(String, Blob)> {
        let end = prefix_end(prefix.as_bytes());
        let named = |kv: &KeyValue| {
            let rest = kv.key.as_bytes().strip_prefix(prefix.as_bytes()).unwrap_or_default();
            let kind = String::from_utf8_lossy(rest);
            (kind.split(':').next().unwrap_or_default().to_owned(), kv.key.clone())
        };
        self.cluster.range(prefix, &end).into_iter().map(named).collect()
    }
}
