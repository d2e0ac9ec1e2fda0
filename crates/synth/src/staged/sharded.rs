//! A sale out of shards.

use super::{Fate, Staged, Wanted};
use crate::Plant;

/// Shards of a ticket.
const SHARDS: u32 = 4;

/// Of a thousand orders so many lose a race.
const RACES_PERMILLE: u64 = 100;

impl Staged<'_> {
    pub(super) fn open_shards(&mut self) {
        self.events.iter().for_each(|event| self.shop.open(event, SHARDS));
    }

    pub(super) fn settle_shards(&mut self) {
        self.events.iter().for_each(|event| self.shop.settle(event));
    }

    pub(super) fn sell_from_shards(&mut self) {
        let plan = self.tape.plan;
        if let Some(plant) = plan.wanted(&[Plant::ShardOversell, Plant::ShardLostUpdate, Plant::ShardLeak])
            && self.plant_in_shards(plant)
        {
            return self.tape.plan.done();
        }
        let Wanted { buyer, user, event, items } = self.wish();
        let (shard, fate) = (self.draw.below(u64::from(SHARDS)) as u32, self.fate());
        if !self.draw.permille(RACES_PERMILLE) {
            let order = self.shop.buy_sharded(buyer, &user, &event, &items, shard, fate);
            return self.reconsider(order);
        }
        // Two look at the same shard, and the second to write has lost.
        let other = self.wish();
        let rival = (buyer + 1) % self.size.buyers;
        let baskets = [(buyer, &user), (rival, &other.user)].map(|(buyer, user)| self.shop.read_shard(buyer, user, &event, &items, shard));
        for basket in baskets.into_iter().flatten() {
            let order = self.shop.commit(basket, true, Fate::Answered);
            self.shop.forget(order);
        }
    }

    /// Plants, if this is the occasion.
    fn plant_in_shards(&mut self, plant: Plant) -> bool {
        let Wanted { buyer, user, event, items } = self.wish();
        let kind = items[0].0;
        match plant {
            Plant::ShardOversell => {
                let basket = self.shop.read_one_shard(buyer, &user, &event, &items, 0);
                let is_empty = basket.in_first_place() < items[0].1;
                let order = self.shop.commit(basket, true, Fate::Answered);
                self.shop.forget(order);
                is_empty
            }
            Plant::ShardLostUpdate => {
                let (other, items) = (self.wish(), [(kind, 1)]);
                let rival = (buyer + 1) % self.size.buyers;
                let first = self.shop.read_shard(buyer, &user, &event, &items, 0);
                let (Ok(first), true) = (first, user != other.user) else { return false };
                let Ok(second) = self.shop.read_shard(rival, &other.user, &event, &items, 0) else { return false };
                // What was gathered from several shards writes none of them over.
                let is_conflict = first.is_of_one_place() && second.is_of_one_place();
                let orders = [self.shop.commit(first, true, Fate::Answered), self.shop.commit(second, !is_conflict, Fate::Answered)];
                orders.into_iter().for_each(|order| self.shop.forget(order));
                is_conflict
            }
            _ => self.shop.lose_one(&event, kind),
        }
    }
}
