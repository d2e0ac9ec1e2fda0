//! A sale under locks, whose leases expire now and then while another client waits.

use super::{Demand, RequestOutcome, Staged, Strategy};
use crate::mutation::Mutation;
use crate::run::SECOND;

/// Seconds granted to the holder of a lock, and to a client that waits for one.
const TTL_SECONDS: i64 = 10;
const WAITING_TTL_SECONDS: i64 = 60;

impl Staged<'_> {
    pub(super) fn sell_under_lock(&mut self) {
        let is_fenced = self.strategy == Strategy::FencedLock;
        let Demand { buyer, user, event, items } = self.demand();
        if self.writer.plan.allows(Mutation::FencePassed) && self.pass_fence(buyer, &user, &event, &items) {
            return self.writer.plan.done();
        }
        let lock = self.shop.lock(buyer, &event, TTL_SECONDS);
        if self.writer.plan.allows(Mutation::LostLease) {
            self.shop.deny_lease(buyer, lock.lease);
            self.shop.revoke(buyer, lock.lease);
            return self.writer.plan.done();
        }
        if self.writer.plan.allows(Mutation::EarlyLockExpiry) {
            self.shop.wait(SECOND);
            self.shop.expire_at_once(lock.lease);
            return self.writer.plan.done();
        }
        // The waiting client is another worker: a worker makes one call at a time.
        let waiter = buyer + self.size.buyers;
        let waiting = self.draw.permille(150).then(|| self.shop.ask_for_lock(waiter, &event, WAITING_TTL_SECONDS));
        let outcome = match self.draw.below(100) {
            0 => RequestOutcome::UnknownApplied,
            _ => RequestOutcome::Answered,
        };
        let order = match self.shop.read(buyer, &user, &event, &items) {
            Ok(basket) => {
                // Without a fence the write would be applied: that would not be a valid run.
                if is_fenced && self.draw.permille(80) {
                    self.shop.expire(lock.lease);
                }
                self.shop.commit(if is_fenced { basket.fenced_by(&lock) } else { basket }, false, outcome)
            }
            Err(order) => order,
        };
        self.shop.forget(order);
        self.shop.unlock(buyer, &lock);
        if let Some(waiting) = waiting {
            self.shop.grant_lock(&waiting);
            self.shop.revoke(waiter, waiting.lease);
        }
    }

    /// Mutation: a client that waits for the lock receives the response that it holds it.
    fn pass_fence(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)]) -> bool {
        let waiter = buyer + self.size.buyers;
        let lock = self.shop.lock(buyer, event, TTL_SECONDS);
        let waiting = self.shop.ask_for_lock(waiter, event, TTL_SECONDS);
        self.shop.grant_lock(&waiting);
        let bought = self.shop.read(waiter, user, event, items);
        let is_mutated = bought.is_ok();
        if let Ok(basket) = bought {
            let order = self.shop.commit(basket.fenced_by(&waiting), false, RequestOutcome::Answered);
            self.shop.forget(order);
        }
        self.shop.unlock(buyer, &lock);
        self.shop.unlock(waiter, &waiting);
        is_mutated
    }
}
