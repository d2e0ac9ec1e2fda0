//! Orders and cancellations: read, decide, one guarded transaction; again when the race was lost.

use super::super::shop::user_name;
use super::super::{MILLISECOND, Plant};
use super::answers::{found, unavailable};
use super::state::{Activity, Asked, Bought, Fate, Order, Seen};
use super::{Sale, Task};
use ticketcd_history::annotation::{CancelPlaced, OrderClosed, OrderOutcome, OrderPlaced, Purpose};
use ticketcd_history::call::CallOutcome;
use ticketcd_history::event::Event;
use ticketcd_history::request::{AnswerBody, KeyValue, Range, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_judge::model::{Blob, Cents, MemberIndex, Nanos, OrderId, OrderKey};

/// Transactions to try before giving up.
const ATTEMPTS_MAX: u32 = 10;

/// Of a thousand orders, so many are cancelled by their buyers.
const CANCELLED_PERMILLE: u64 = 60;

impl Sale<'_> {
    /// A buyer places an order and reads what it needs to know.
    pub(super) fn place(&mut self, buyer: u32) {
        let event = self.draw.popular(self.shop.events.len());
        let user = self.draw.below(u64::from(self.shop.users)) as u32;
        let tickets = &self.shop.events[event].tickets;
        let both = tickets.len() > 1 && self.draw.permille(200);
        let chosen: Vec<usize> = if both { tickets.clone() } else { vec![tickets[self.draw.below(tickets.len() as u64) as usize]] };
        let items: Vec<(usize, i64)> = chosen.into_iter().map(|ticket| (ticket, self.draw.between(1, 2) as i64)).collect();
        let order = self.next_order(buyer, Bought { key: OrderKey { buyer, sequence: 0 }, user, event, items, plants: None });
        let placed = OrderPlaced {
            order: order.key,
            user: user_name(user).into(),
            event: self.shop.events[event].id.as_str().into(),
            items: self.named(&order.items),
            due: self.now,
            sent: self.now,
        };
        self.tell(&Event::OrderPlaced(placed));
        self.ask_basket(buyer, Box::new(order));
    }

    /// A buyer takes an order back.
    pub(super) fn cancel(&mut self, buyer: u32, bought: Bought) {
        let cancels = bought.key;
        let mut order = self.next_order(buyer, bought);
        order.items.iter_mut().for_each(|(_, quantity)| *quantity = -*quantity);
        order.cancels = Some(cancels);
        let placed = CancelPlaced {
            order: order.key,
            cancels,
            user: user_name(order.user).into(),
            event: self.shop.events[order.event].id.as_str().into(),
            items: self.named(&order.items),
            due: self.now,
            sent: self.now,
        };
        self.tell(&Event::CancelPlaced(placed));
        self.ask_basket(buyer, Box::new(order));
    }

    fn next_order(&mut self, buyer: u32, Bought { user, event, items, plants, .. }: Bought) -> Order {
        let state = &mut self.buyers[buyer as usize];
        state.orders += 1;
        let key = OrderKey { buyer, sequence: state.orders };
        Order { key, user, event, items, cancels: None, attempts: 0, seen: None, plants }
    }

    fn named(&self, items: &[(usize, i64)]) -> Vec<(Blob, i64)> {
        items.iter().map(|(ticket, quantity)| (Blob::from(self.shop.tickets[*ticket].kind), *quantity)).collect()
    }

    fn ask_basket(&mut self, buyer: u32, order: Box<Order>) {
        let request = Request::Txn(Txn { success: self.reads(&order), ..Txn::default() });
        let purpose = order.purpose();
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.call(buyer, purpose, &[], request, Asked::Basket);
    }

    /// The reads of everything that an order is decided by.
    pub(super) fn reads(&self, order: &Order) -> Vec<TxnOp> {
        let tickets = order.items.iter().map(|(ticket, _)| self.shop.tickets[*ticket].key.clone());
        let others = [self.shop.events[order.event].key.clone(), self.shop.purchase_key(order.user, order.event)];
        tickets.chain(others).map(|key| TxnOp::Range(Range { key, ..Range::default() })).collect()
    }

    /// The reads are answered: what is there now.
    pub(super) fn read_basket(&mut self, buyer: u32, member: MemberIndex) -> CallOutcome {
        let mut responses = self.basket(buyer);
        self.spoil_basket(buyer, &mut responses);
        self.answer(member, self.cluster.revision, AnswerBody::Txn { succeeded: true, responses })
    }

    pub(super) fn basket(&mut self, buyer: u32) -> Vec<TxnAnswer> {
        let Activity::Order(order) = &mut self.buyers[buyer as usize].activity else { return Vec::new() };
        let (shop, revision) = (&self.shop, self.cluster.revision);
        let event = &shop.events[order.event];
        let purchase = shop.purchases.get(&(order.user, order.event as u32));
        let tickets = order.items.iter().map(|(ticket, _)| &shop.tickets[*ticket]);
        order.seen = Some(Seen {
            tickets: tickets.clone().map(|ticket| (ticket.current, ticket.kv.mod_revision)).collect(),
            event: (event.record.current_quantity, event.kv.mod_revision),
            purchase: purchase.cloned(),
            revision,
        });
        let kvs = tickets.map(|ticket| Some(&ticket.kv)).chain([Some(&event.kv), purchase]);
        kvs.map(|kv| TxnAnswer { revision, body: TxnAnswerBody::Range(found(kv)) }).collect()
    }

    /// Plants what the answer to several reads can get wrong: the purchases come last, the tickets first.
    fn spoil_basket(&mut self, buyer: u32, responses: &mut [TxnAnswer]) {
        let Activity::Order(order) = &self.buyers[buyer as usize].activity else { return };
        let (ticket, revision) = (order.items[0].0, self.cluster.revision);
        let key = self.shop.purchase_key(order.user, order.event);
        let before = self.shop.tickets[ticket].before.as_ref().map(|(_, kv)| kv.clone());
        if let (true, Some(before), Some(first)) = (self.wants(Plant::TornRead), before, responses.first_mut()) {
            first.body = TxnAnswerBody::Range(found(Some(&before)));
            self.plant();
        } else if let (true, Some(last)) = (self.wants(Plant::PhantomKey), responses.last_mut())
            && matches!(&last.body, TxnAnswerBody::Range(range) if range.kvs.is_empty())
        {
            let (create_revision, mod_revision) = (revision, revision);
            let kv = KeyValue { key, value: "[]".into(), create_revision, mod_revision, version: 1, lease: 0 };
            last.body = TxnAnswerBody::Range(found(Some(&kv)));
            self.plant();
        }
    }

    /// The buyer knows the stock and decides.
    pub(super) fn decide(&mut self, buyer: u32, mut order: Box<Order>) {
        let Some(seen) = order.seen.clone() else { return self.close_order(buyer, &order, OrderOutcome::Unknown, Cents(0)) };
        let enough = order.items.iter().zip(&seen.tickets).all(|((_, quantity), (left, _))| left >= quantity);
        if !enough && self.wants(Plant::Oversell) {
            order.plants = Some(Plant::Oversell);
        } else if !enough {
            return self.close_order(buyer, &order, OrderOutcome::SoldOut, Cents(0));
        }
        if order.cancels.is_none() && self.wants(Plant::FalseRefusal) {
            self.plant();
            return self.close_order(buyer, &order, OrderOutcome::SoldOut, Cents(0));
        }
        if self.is_over() {
            let outcome = match order.attempts {
                0 => OrderOutcome::Rejected { reason: "the sale is over".to_owned() },
                _ => OrderOutcome::Conflict,
            };
            return self.close_order(buyer, &order, outcome, Cents(0));
        }
        order.attempts += 1;
        let fate = self.fate(&order);
        let write = self.write(&order, seen, fate);
        self.tape.plan.is_under_way |= write.plants.is_some();
        let request = self.request(&order, &write);
        let (orders, purpose) = ([order.key], order.purpose());
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.call(buyer, purpose, &orders, request, Asked::Purchase(write, fate));
    }

    fn fate(&mut self, order: &Order) -> Fate {
        let planted = [
            (Plant::RefusedButApplied, false, Fate::RefusedButApplied),
            (Plant::LostOrder, false, Fate::AnsweredNotApplied),
            (Plant::LostCancellation, true, Fate::AnsweredNotApplied),
            (Plant::WrongBranch, false, Fate::WrongBranch),
            (Plant::DuplicateOrder, false, Fate::UnknownApplied),
        ];
        let is_cancel = order.cancels.is_some();
        if let Some((.., fate)) = planted.into_iter().find(|(plant, cancels, _)| *cancels == is_cancel && self.wants(*plant)) {
            return fate;
        }
        match self.draw.below(500) {
            // What is planted by an order must come to pass.
            _ if order.plants.is_some() => Fate::Answered,
            0 => Fate::UnknownApplied,
            1 => Fate::UnknownNotApplied,
            2 => Fate::UnknownLate,
            3 => Fate::Refused,
            _ => Fate::Answered,
        }
    }

    /// The answer to a call of an order arrived: what its buyer does next.
    pub(super) fn continue_order(&mut self, buyer: u32, mut order: Box<Order>, asked: Asked, outcome: CallOutcome) {
        let (write, answer) = match (asked, outcome) {
            (Asked::Purchase(write, _), CallOutcome::Ok(answer)) => (write, answer),
            (_, CallOutcome::Ok(_)) => return self.decide(buyer, order),
            (Asked::Purchase(..), CallOutcome::Unknown { .. }) => {
                if self.wants(Plant::DuplicateOrder) && self.is_entered(&order) && order.plants.is_none() && !self.is_over() {
                    order.plants = Some(Plant::DuplicateOrder);
                    return self.ask_basket(buyer, order);
                }
                return self.close_order(buyer, &order, OrderOutcome::Unknown, Cents(0));
            }
            (_, CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message }) => {
                let reason = format!("{code}: {message}");
                return self.close_order(buyer, &order, OrderOutcome::Rejected { reason }, Cents(0));
            }
        };
        if matches!(answer.body, AnswerBody::Txn { succeeded: true, .. }) {
            let mut paid = write.paid;
            if order.cancels.is_none() {
                self.made.sold += 1;
                if self.wants(Plant::WrongReceipt) {
                    paid = Cents(paid.0 + 1);
                    self.plant();
                }
            } else if self.wants(Plant::LostRefund) {
                paid = Cents(0);
                self.plant();
            }
            return self.close_order(buyer, &order, OrderOutcome::Sold { revision: answer.revision }, paid);
        }
        if order.attempts >= ATTEMPTS_MAX {
            return self.close_order(buyer, &order, OrderOutcome::Conflict, Cents(0));
        }
        // Whoever lost the race waits a little, longer each time.
        let pause: Nanos = self.draw.below(u64::from(order.attempts) * MILLISECOND);
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.at(self.now + 1 + pause, Task::Wake(buyer));
    }

    /// Whether the entry of an order is there.
    fn is_entered(&self, order: &Order) -> bool {
        let id = OrderId { run: self.run_tag().into(), key: order.key };
        let purchases = self.shop.purchases.get(&(order.user, order.event as u32));
        order.cancels.is_none() && purchases.is_some_and(|kv| kv.value.to_text().contains(&format!("\"id\":\"{id}\"")))
    }

    fn close_order(&mut self, buyer: u32, order: &Order, outcome: OrderOutcome, paid: Cents) {
        self.think_it_over(buyer, order, &outcome);
        let closed = OrderClosed { order: order.key, done: self.now, outcome, paid_cents: paid.0, attempts: order.attempts };
        self.tell(&Event::OrderClosed(closed));
        self.rest(buyer);
    }

    /// Whether a buyer will take an order back: now and then one that was bought; others only when that is planted.
    fn think_it_over(&mut self, buyer: u32, order: &Order, outcome: &OrderOutcome) {
        let is_bought = matches!(outcome, OrderOutcome::Sold { .. });
        // What is planted into a cancellation needs one.
        let is_needed = self.tape.plan.plant.is_some_and(|plant| plant.is_planted_in_a_cancellation() && self.wants(plant));
        let again = match (order.cancels, is_bought) {
            (None, true) if self.draw.permille(CANCELLED_PERMILLE) || is_needed => Some((order.key, 1, None)),
            (None, false) if self.wants(Plant::CancelledUnbought) && *outcome != OrderOutcome::Unknown => {
                Some((order.key, 1, Some(Plant::CancelledUnbought)))
            }
            (Some(cancelled), true) if self.wants(Plant::CancelledTwice) => Some((cancelled, -1, Some(Plant::CancelledTwice))),
            _ => None,
        };
        if let Some((key, sign, plants)) = again {
            self.tape.plan.is_under_way |= plants.is_some();
            let items = order.items.iter().map(|(ticket, quantity)| (*ticket, sign * quantity)).collect();
            self.buyers[buyer as usize].regrets = Some(Bought { key, user: order.user, event: order.event, items, plants });
        }
    }

    /// No member took a call on, or nobody can tell whether one did.
    pub(super) fn cut_off(&mut self, asked: &Asked) -> CallOutcome {
        if let Asked::Purchase(write, _) = asked {
            self.give_up_planting(write);
        }
        unavailable()
    }
}

impl Order {
    fn purpose(&self) -> Purpose {
        if self.cancels.is_some() { Purpose::Cancel } else { Purpose::Purchase }
    }
}
