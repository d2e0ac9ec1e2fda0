//! A sale under locks, whose leases run out now and then while somebody waits.

use super::{Fate, Staged, Strategy, Wanted};
use crate::{Plant, SECOND};

/// Seconds that a lock is granted, and that whoever waits for one is.
const TTL_SECONDS: i64 = 10;
const WAITING_TTL_SECONDS: i64 = 60;

impl Staged<'_> {
    pub(super) fn sell_under_lock(&mut self) {
        let is_fenced = self.strategy == Strategy::FencedLock;
        let Wanted { buyer, user, event, items } = self.wish();
        if self.tape.plan.wants(Plant::FencePassed) && self.pass_fence(buyer, &user, &event, &items) {
            return self.tape.plan.done();
        }
        let lock = self.shop.lock(buyer, &event, TTL_SECONDS);
        if self.tape.plan.wants(Plant::EarlyLockExpiry) {
            self.shop.wait(SECOND);
            self.shop.expire_at_once(lock.lease);
            return self.tape.plan.done();
        }
        // Who waits is another worker: a worker's calls follow each other.
        let waiter = buyer + self.size.buyers;
        let waiting = self.draw.permille(150).then(|| self.shop.ask_for_lock(waiter, &event, WAITING_TTL_SECONDS));
        let fate = match self.draw.below(100) {
            0 => Fate::UnknownApplied,
            _ => Fate::Answered,
        };
        let order = match self.shop.read(buyer, &user, &event, &items) {
            Ok(basket) => {
                // What is not fenced would be written all the same, and unsafe: that is no valid run.
                if is_fenced && self.draw.permille(80) {
                    self.shop.expire(lock.lease);
                }
                self.shop.commit(if is_fenced { basket.fenced_by(&lock) } else { basket }, false, fate)
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

    /// Planted: whoever waits for the lock is told that it holds it.
    fn pass_fence(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)]) -> bool {
        let waiter = buyer + self.size.buyers;
        let lock = self.shop.lock(buyer, event, TTL_SECONDS);
        let waiting = self.shop.ask_for_lock(waiter, event, TTL_SECONDS);
        self.shop.grant_lock(&waiting);
        let bought = self.shop.read(waiter, user, event, items);
        let is_planted = bought.is_ok();
        if let Ok(basket) = bought {
            let order = self.shop.commit(basket.fenced_by(&waiting), false, Fate::Answered);
            self.shop.forget(order);
        }
        self.shop.unlock(buyer, &lock);
        self.shop.unlock(waiter, &waiting);
        is_planted
    }
}
