//! Orders and cancellations: read, decide, one guarded transaction; again when the race was lost.

use super::reads::found;
use super::state::{Action, Activity, Cancellable, Order, Seen};
use super::{Sale, Task};
use crate::cluster::RequestOutcome;
use crate::mutation::Mutation;
use crate::run::MILLISECOND;
use crate::shop::{quantity, user_name};
use ticketcd_history::annotation::{CancelPlaced, OrderClosed, OrderOutcome, OrderPlaced, Purpose, RejectionCause};
use ticketcd_history::call::CallOutcome;
use ticketcd_history::event::Event;
use ticketcd_history::request::{AnswerBody, KeyValue, Range, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_history::{Blob, MemberIndex, Nanos, OrderId, OrderKey, Revision};
use ticketcd_judge::model::Cents;

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
        let order = self.next_order(buyer, Cancellable { key: OrderKey { buyer, sequence: 0 }, user, event, items, mutation: None });
        let placed = OrderPlaced {
            order: order.key,
            user: user_name(user).into(),
            event: self.shop.events[event].id.as_str().into(),
            items: self.named(&order.items),
            due: self.now,
            sent: self.now,
        };
        self.record(&Event::OrderPlaced(placed));
        self.read(buyer, Box::new(order));
    }

    /// A buyer cancels an order.
    pub(super) fn cancel(&mut self, buyer: u32, bought: Cancellable) {
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
        self.record(&Event::CancelPlaced(placed));
        self.read(buyer, Box::new(order));
    }

    fn next_order(&mut self, buyer: u32, Cancellable { user, event, items, mutation, .. }: Cancellable) -> Order {
        let state = &mut self.buyers[buyer as usize];
        state.orders += 1;
        let key = OrderKey { buyer, sequence: state.orders };
        Order { key, user, event, items, cancels: None, attempts: 0, seen: None, mutation }
    }

    fn named(&self, items: &[(usize, i64)]) -> Vec<(Blob, i64)> {
        items.iter().map(|(ticket, quantity)| (Blob::from(self.shop.tickets[*ticket].kind), *quantity)).collect()
    }

    fn read(&mut self, buyer: u32, order: Box<Order>) {
        let txn = Txn { success: self.reads(&order), ..Txn::default() };
        let purpose = order.purpose();
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.call(buyer, purpose, &[], Request::Txn(txn.clone()), Action::Basket(txn));
    }

    /// The reads of everything that an order is decided by: its tickets, the event, the purchases of the user.
    pub(super) fn reads(&self, order: &Order) -> Vec<TxnOp> {
        let tickets = order.items.iter().map(|(ticket, _)| self.shop.tickets[*ticket].key.clone());
        let others = [self.shop.events[order.event].key.clone(), self.shop.purchase_key(order.user, order.event)];
        tickets.chain(others).map(|key| TxnOp::Range(Range { key, ..Range::default() })).collect()
    }

    /// The reads are executed.
    pub(super) fn read_basket(&mut self, buyer: u32, member: MemberIndex, txn: &Txn) -> CallOutcome {
        let (revision, mut body) = self.cluster.execute_branch(txn, true);
        if let AnswerBody::Txn { responses, .. } = &mut body {
            self.see(buyer, responses, revision);
            self.mutate_basket(buyer, responses);
        }
        self.cluster.answer(member, revision, body)
    }

    /// A buyer bases its decision on these responses.
    pub(super) fn see(&mut self, buyer: u32, responses: &[TxnAnswer], revision: Revision) {
        let Activity::Order(order) = &mut self.buyers[buyer as usize].activity else { return };
        let kv = |response: &TxnAnswer| match &response.body {
            TxnAnswerBody::Range(range) => range.kvs.first().cloned(),
            _ => None,
        };
        let Some((purchase, [tickets @ .., event])) = responses.split_last() else { return };
        let stock = |response: &TxnAnswer| match &response.body {
            TxnAnswerBody::Range(range) => range.kvs.first().map(|kv| (quantity(kv), kv.mod_revision)),
            _ => None,
        };
        if let Some(event) = stock(event) {
            order.seen = Some(Seen { tickets: tickets.iter().filter_map(stock).collect(), event, purchase: kv(purchase), revision });
        }
    }

    /// Mutates the response to several reads: the purchases come last, the tickets first.
    fn mutate_basket(&mut self, buyer: u32, responses: &mut [TxnAnswer]) {
        let Activity::Order(order) = &self.buyers[buyer as usize].activity else { return };
        let (ticket, revision) = (order.items[0].0, self.cluster.revision());
        let key = self.shop.purchase_key(order.user, order.event);
        let is_torn = self.allows(Mutation::TornRead);
        let before = is_torn.then(|| self.cluster.previous(&self.shop.tickets[ticket].key).cloned()).flatten();
        if let (Some(before), Some(first)) = (before, responses.first_mut()) {
            first.body = TxnAnswerBody::Range(found(Some(&before)));
            self.mutated();
        } else if let (true, Some(last)) = (self.allows(Mutation::PhantomKey), responses.last_mut())
            && matches!(&last.body, TxnAnswerBody::Range(range) if range.kvs.is_empty())
        {
            let (create_revision, mod_revision) = (revision, revision);
            let kv = KeyValue { key, value: "[]".into(), create_revision, mod_revision, version: 1, lease: 0 };
            last.body = TxnAnswerBody::Range(found(Some(&kv)));
            self.mutated();
        }
    }

    /// The buyer has read the stock and decides.
    pub(super) fn decide(&mut self, buyer: u32, mut order: Box<Order>) {
        let Some(seen) = order.seen.clone() else { return self.close_order(buyer, &order, OrderOutcome::Unknown, Cents(0)) };
        let enough = order.items.iter().zip(&seen.tickets).all(|((_, quantity), (left, _))| left >= quantity);
        if !enough && self.allows(Mutation::Oversell) {
            order.mutation = Some(Mutation::Oversell);
        } else if !enough {
            return self.close_order(buyer, &order, OrderOutcome::SoldOut, Cents(0));
        }
        if order.cancels.is_none() && self.allows(Mutation::FalseRefusal) {
            self.mutated();
            return self.close_order(buyer, &order, OrderOutcome::SoldOut, Cents(0));
        }
        if self.is_over() {
            let outcome = match order.attempts {
                0 => OrderOutcome::Rejected { reason: "the sale is over".to_owned(), cause: RejectionCause::StrategyEnded },
                _ => OrderOutcome::Conflict,
            };
            return self.close_order(buyer, &order, outcome, Cents(0));
        }
        order.attempts += 1;
        let outcome = self.outcome(&order);
        let write = self.write(&order, seen, outcome);
        self.writer.plan.is_in_flight |= write.mutation.is_some();
        let request = Request::Txn(write.txn.clone());
        let (orders, purpose) = ([order.key], order.purpose());
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.call(buyer, purpose, &orders, request, Action::Purchase(write, outcome));
    }

    fn outcome(&mut self, order: &Order) -> RequestOutcome {
        let mutations = [
            (Mutation::RefusedButApplied, false, RequestOutcome::RefusedButApplied),
            (Mutation::LostOrder, false, RequestOutcome::AnsweredNotApplied),
            (Mutation::LostCancellation, true, RequestOutcome::AnsweredNotApplied),
            (Mutation::WrongBranch, false, RequestOutcome::WrongBranch),
            (Mutation::DuplicateOrder, false, RequestOutcome::UnknownApplied),
        ];
        let is_cancel = order.cancels.is_some();
        if let Some((.., outcome)) = mutations.into_iter().find(|(mutation, cancels, _)| *cancels == is_cancel && self.allows(*mutation)) {
            return outcome;
        }
        match self.draw.below(500) {
            // The mutation that an order carries must happen.
            _ if order.mutation.is_some() => RequestOutcome::Answered,
            0 => RequestOutcome::UnknownApplied,
            1 => RequestOutcome::UnknownNotApplied,
            2 => RequestOutcome::UnknownLate,
            3 => RequestOutcome::Refused,
            _ => RequestOutcome::Answered,
        }
    }

    /// The response to a call of an order arrived: the next step of its buyer.
    pub(super) fn continue_order(&mut self, buyer: u32, mut order: Box<Order>, action: Action, outcome: CallOutcome) {
        let (write, answer) = match (action, outcome) {
            (Action::Purchase(write, _), CallOutcome::Ok(answer)) => (write, answer),
            (_, CallOutcome::Ok(_)) => return self.decide(buyer, order),
            (Action::Purchase(..), CallOutcome::Unknown { .. }) => {
                if self.allows(Mutation::DuplicateOrder) && self.is_entered(&order) && order.mutation.is_none() && !self.is_over() {
                    order.mutation = Some(Mutation::DuplicateOrder);
                    return self.read(buyer, order);
                }
                return self.close_order(buyer, &order, OrderOutcome::Unknown, Cents(0));
            }
            (_, CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message }) => {
                let reason = format!("{code}: {message}");
                return self.close_order(buyer, &order, OrderOutcome::Rejected { reason, cause: RejectionCause::Unavailable }, Cents(0));
            }
        };
        if matches!(answer.body, AnswerBody::Txn { succeeded: true, .. }) {
            let mut paid = write.paid;
            if order.cancels.is_none() {
                self.made.sold += 1;
                if self.allows(Mutation::WrongReceipt) {
                    paid = Cents(paid.0 + 1);
                    self.mutated();
                }
            } else if self.allows(Mutation::LostRefund) {
                paid = Cents(0);
                self.mutated();
            }
            return self.close_order(buyer, &order, OrderOutcome::Sold { revision: answer.revision }, paid);
        }
        if order.attempts >= ATTEMPTS_MAX {
            return self.close_order(buyer, &order, OrderOutcome::Conflict, Cents(0));
        }
        // A buyer that lost the race backs off, longer each time.
        let pause: Nanos = self.draw.below(u64::from(order.attempts) * MILLISECOND);
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.at(self.now + 1 + pause, Task::Wake(buyer));
    }

    /// Whether the entry of an order is there.
    fn is_entered(&self, order: &Order) -> bool {
        let id = OrderId { run: self.run_tag().into(), key: order.key };
        let purchases = self.cluster.get(&self.shop.purchase_key(order.user, order.event));
        order.cancels.is_none() && purchases.is_some_and(|kv| kv.value.to_text().contains(&format!("\"id\":\"{id}\"")))
    }

    fn close_order(&mut self, buyer: u32, order: &Order, outcome: OrderOutcome, paid: Cents) {
        self.maybe_cancel(buyer, order, &outcome);
        let closed = OrderClosed { order: order.key, done: self.now, outcome, paid_cents: paid.0, attempts: order.attempts };
        self.record(&Event::OrderClosed(closed));
        self.rest(buyer);
    }

    /// Whether a buyer cancels an order: now and then one that was bought; others only as a mutation.
    fn maybe_cancel(&mut self, buyer: u32, order: &Order, outcome: &OrderOutcome) {
        let is_bought = matches!(outcome, OrderOutcome::Sold { .. });
        // A mutation of a cancellation needs one.
        let is_needed = self.writer.plan.mutation.is_some_and(|mutation| mutation.is_in_a_cancellation() && self.allows(mutation));
        let again = match (order.cancels, is_bought) {
            (None, true) if self.draw.permille(CANCELLED_PERMILLE) || is_needed => Some((order.key, 1, None)),
            (None, false) if self.allows(Mutation::CancelledUnbought) && *outcome != OrderOutcome::Unknown => {
                Some((order.key, 1, Some(Mutation::CancelledUnbought)))
            }
            (Some(cancelled), true) if self.allows(Mutation::CancelledTwice) => Some((cancelled, -1, Some(Mutation::CancelledTwice))),
            _ => None,
        };
        if let Some((key, sign, mutation)) = again {
            self.writer.plan.is_in_flight |= mutation.is_some();
            let items = order.items.iter().map(|(ticket, quantity)| (*ticket, sign * quantity)).collect();
            self.buyers[buyer as usize].cancels_next = Some(Cancellable { key, user: order.user, event: order.event, items, mutation });
        }
    }
}

impl Order {
    fn purpose(&self) -> Purpose {
        if self.cancels.is_some() { Purpose::Cancel } else { Purpose::Purchase }
    }
}
