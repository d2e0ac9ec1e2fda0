//! A sale out of shards.

use super::{Demand, RequestOutcome, Staged};
use crate::mutation::Mutation;

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
        let plan = self.writer.plan;
        if let Some(mutation) = plan.first_allowed(&[Mutation::ShardOversell, Mutation::ShardLostUpdate, Mutation::ShardLeak])
            && self.mutate_shards(mutation)
        {
            return self.writer.plan.done();
        }
        let Demand { buyer, user, event, items } = self.demand();
        let (shard, outcome) = (self.draw.below(u64::from(SHARDS)) as u32, self.outcome());
        if !self.draw.permille(RACES_PERMILLE) {
            let order = self.shop.buy_sharded(buyer, &user, &event, &items, shard, outcome);
            return self.maybe_cancel(order);
        }
        // Two buyers read the same shard; the second write conflicts.
        let other = self.demand();
        let rival = (buyer + 1) % self.size.buyers;
        let baskets = [(buyer, &user), (rival, &other.user)].map(|(buyer, user)| self.shop.read_shard(buyer, user, &event, &items, shard));
        for basket in baskets.into_iter().flatten() {
            let order = self.shop.commit(basket, true, RequestOutcome::Answered);
            self.shop.forget(order);
        }
    }

    /// Mutates, if this is the occasion.
    fn mutate_shards(&mut self, mutation: Mutation) -> bool {
        let Demand { buyer, user, event, items } = self.demand();
        let kind = items[0].0;
        match mutation {
            Mutation::ShardOversell => {
                let basket = self.shop.read_one_shard(buyer, &user, &event, &items, 0);
                let is_empty = basket.in_first_place() < items[0].1;
                let order = self.shop.commit(basket, true, RequestOutcome::Answered);
                self.shop.forget(order);
                is_empty
            }
            Mutation::ShardLostUpdate => {
                let (other, items) = (self.demand(), [(kind, 1)]);
                let rival = (buyer + 1) % self.size.buyers;
                let first = self.shop.read_shard(buyer, &user, &event, &items, 0);
                let (Ok(first), true) = (first, user != other.user) else { return false };
                let Ok(second) = self.shop.read_shard(rival, &other.user, &event, &items, 0) else { return false };
                // A purchase from several shards overwrites none of them.
                let is_conflict = first.is_of_one_place() && second.is_of_one_place();
                let orders = [
                    self.shop.commit(first, true, RequestOutcome::Answered),
                    self.shop.commit(second, !is_conflict, RequestOutcome::Answered),
                ];
                orders.into_iter().for_each(|order| self.shop.forget(order));
                is_conflict
            }
            _ => self.shop.lose_one(&event, kind),
        }
    }
}
