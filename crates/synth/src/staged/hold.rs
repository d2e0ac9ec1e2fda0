//! A sale by reservations: they are confirmed, cancelled, or expire and are released.

use super::{Demand, RequestOutcome, Staged};
use crate::mutation::Mutation;
use crate::run::SECOND;
use crate::simulation::HeldOrder;

/// Open reservations, before some of them end.
const HELD_MAX: usize = 12;

/// Seconds that a reservation is granted.
const TTL_SECONDS: i64 = 60;

/// An open reservation.
#[derive(Debug)]
pub(super) struct Holding(HeldOrder);

const MUTATIONS: [Mutation; 6] = [
    Mutation::EarlyRelease,
    Mutation::DoubleRelease,
    Mutation::ConfirmedAfterExpiry,
    Mutation::UnreleasedPurchase,
    Mutation::LeakedHold,
    Mutation::EarlyExpiry,
];

impl Staged<'_> {
    pub(super) fn sell_by_reservation(&mut self) {
        let plan = self.writer.plan;
        let Demand { buyer, user, event, items } = self.demand();
        if plan.allows(Mutation::OverReserved) {
            // More than the total.
            let all = [(items[0].0, self.shop.total(&event, items[0].0) + 1)];
            self.shop.reserve_carelessly(buyer, &user, &event, &all, TTL_SECONDS);
            return self.writer.plan.done();
        }
        if plan.allows(Mutation::WrongOrder) {
            self.shop.list_in_wrong_order(buyer);
            return self.writer.plan.done();
        }
        let reserved = self.shop.reserve(buyer, &user, &event, &items, TTL_SECONDS);
        match (reserved, plan.first_allowed(&MUTATIONS)) {
            (Ok(held), Some(mutation)) => {
                self.mutate_reservation(mutation, &held);
                self.writer.plan.done();
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
                self.shop.confirm(held, RequestOutcome::Answered);
                self.shop.release(held);
            }
            2 => {
                self.shop.keep_alive(buyer, held.lease);
                self.shop.confirm(held, RequestOutcome::UnknownApplied);
            }
            _ => {
                self.shop.confirm(held, RequestOutcome::Answered);
                self.shop.revoke(buyer, held.lease);
                return self.maybe_cancel(held.order);
            }
        }
        self.shop.forget(held.order);
    }

    fn mutate_reservation(&mut self, mutation: Mutation, held: &HeldOrder) {
        match mutation {
            Mutation::EarlyRelease => {
                self.shop.release_alive(held);
                self.shop.reject(held.order, "the hold is gone");
            }
            Mutation::DoubleRelease => {
                self.shop.expire(held.lease);
                self.shop.release(held);
                self.shop.reserve_without_stock(held);
                self.shop.release_unguarded(held);
                self.shop.reject(held.order, "the hold expired");
            }
            Mutation::ConfirmedAfterExpiry => {
                self.shop.expire(held.lease);
                self.shop.confirm_guarded(held, Vec::new(), RequestOutcome::Answered);
            }
            Mutation::UnreleasedPurchase => self.shop.confirm_and_keep(held),
            Mutation::LeakedHold => {
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
