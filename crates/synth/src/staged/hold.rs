//! A sale by reservations: they are confirmed, given up, or run out and are released.

use super::{Fate, Staged, Wanted};
use crate::simulation::HeldOrder;
use crate::{Plant, SECOND};

/// Reservations under way, before some of them end.
const HELD_MAX: usize = 12;

/// Seconds that a reservation is granted.
const TTL_SECONDS: i64 = 60;

/// A reservation under way.
#[derive(Debug)]
pub(super) struct Holding(HeldOrder);

const PLANTS: [Plant; 6] = [
    Plant::EarlyRelease,
    Plant::DoubleRelease,
    Plant::ConfirmedAfterExpiry,
    Plant::UnreleasedPurchase,
    Plant::LeakedHold,
    Plant::EarlyExpiry,
];

impl Staged<'_> {
    pub(super) fn sell_by_reservation(&mut self) {
        let plan = self.tape.plan;
        let Wanted { buyer, user, event, items } = self.wish();
        if plan.wants(Plant::OverReserved) {
            // More than there ever were.
            let all = [(items[0].0, self.shop.total(&event, items[0].0) + 1)];
            self.shop.reserve_carelessly(buyer, &user, &event, &all, TTL_SECONDS);
            return self.tape.plan.done();
        }
        let reserved = self.shop.reserve(buyer, &user, &event, &items, TTL_SECONDS);
        match (reserved, plan.wanted(&PLANTS)) {
            (Ok(held), Some(plant)) => {
                self.plant_in_reservation(plant, &held);
                self.tape.plan.done();
            }
            (Ok(held), None) => self.held.push(Holding(held)),
            (Err(order), _) => self.shop.forget(order),
        }
        if self.held.len() >= HELD_MAX {
            for _ in 0..HELD_MAX / 2 {
                let index = self.draw.below(self.held.len() as u64) as usize;
                let Holding(held) = self.held.swap_remove(index);
                self.end_reservation(&held);
            }
        }
    }

    pub(super) fn end_reservations(&mut self) {
        for Holding(held) in std::mem::take(&mut self.held) {
            self.end_reservation(&held);
        }
    }

    fn end_reservation(&mut self, held: &HeldOrder) {
        let buyer = held.order.buyer;
        match self.draw.below(10) {
            0 => {
                self.shop.let_go(held);
                self.shop.revoke(buyer, held.lease);
            }
            1 => {
                // Too late to be confirmed.
                self.shop.expire(held.lease);
                self.shop.confirm(held, Fate::Answered);
                self.shop.release(held);
            }
            2 => {
                self.shop.keep_alive(buyer, held.lease);
                self.shop.confirm(held, Fate::UnknownApplied);
            }
            _ => {
                self.shop.confirm(held, Fate::Answered);
                self.shop.revoke(buyer, held.lease);
                return self.reconsider(held.order);
            }
        }
        self.shop.forget(held.order);
    }

    fn plant_in_reservation(&mut self, plant: Plant, held: &HeldOrder) {
        match plant {
            Plant::EarlyRelease => {
                self.shop.release_alive(held);
                self.shop.reject(held.order, "the hold is gone");
            }
            Plant::DoubleRelease => {
                self.shop.expire(held.lease);
                self.shop.release(held);
                self.shop.reserve_without_stock(held);
                self.shop.release_unguarded(held);
                self.shop.reject(held.order, "the hold expired");
            }
            Plant::ConfirmedAfterExpiry => {
                self.shop.expire(held.lease);
                self.shop.confirm_guarded(held, Vec::new(), Fate::Answered);
            }
            Plant::UnreleasedPurchase => self.shop.confirm_and_keep(held),
            Plant::LeakedHold => {
                self.shop.expire(held.lease);
                self.shop.reject(held.order, "the hold expired");
            }
            _ => {
                self.shop.wait(SECOND);
                self.shop.expire_at_once(held.lease);
                self.shop.release(held);
                self.shop.reject(held.order, "the hold expired");
            }
        }
        self.shop.forget(held.order);
    }
}
