//! Buyers: what each does next, and the calls it makes.

use super::member_id;
use super::orders::{Fate, Order, Write};
use super::sale::{Fault, KILLED, MICROSECOND, Sale, Task};
use super::{Plant, orders};
use crate::history::call::{CallId, CallOutcome, Invoke, Purpose, QueryClosed, Return};
use crate::history::event::Event;
use crate::history::request::{Answer, AnswerBody, KeyValue, Range, RangeAnswer, Request};
use crate::model::{MemberIndex, Nanos, OrderKey, Revision};

/// Of a thousand things a buyer begins, so many are orders: then some tenth of all calls sells.
const ORDERS_PERMILLE: u64 = 350;

/// Reads of one look at the stock.
const READS: u8 = 4;

/// Of a thousand looks at the stock, those that an old one will do for.
const SERIALIZABLE_PERMILLE: u64 = 60;

/// A buyer.
#[derive(Debug, Default)]
pub(super) struct Buyer {
    pub(super) calls: u32,
    pub(super) orders: u32,
    pub(super) activity: Activity,
    pub(super) call: Option<Call>,
    /// The highest revision it has been told.
    seen: Revision,
}

/// What a buyer is in the middle of.
#[derive(Debug, Default)]
pub(super) enum Activity {
    #[default]
    Nothing,
    /// A look at the stock of a ticket, read again and again.
    Look {
        began: Nanos,
        reads_left: u8,
        ticket: usize,
    },
    Order(Box<Order>),
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) member: MemberIndex,
    pub(super) done: Nanos,
    /// The highest revision that anybody had been told when it was sent.
    pub(super) told: Revision,
    /// The highest revision that its member had named when it was sent.
    pub(super) shown: Revision,
    pub(super) asked: Asked,
    /// Known once it took effect.
    pub(super) outcome: Option<CallOutcome>,
}

/// What a call asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// The stock of a ticket; whether an old one will do.
    Stock(usize, bool),
    /// Everything that the order is decided by.
    Basket,
    /// The purchase.
    Purchase(Write, Fate),
}

impl Sale<'_> {
    pub(super) fn wake(&mut self, buyer: u32) {
        if let Activity::Order(order) = std::mem::take(&mut self.buyers[buyer as usize].activity) {
            return self.decide(buyer, order);
        }
        if self.is_over() {
            return;
        }
        self.busy += 1;
        self.break_members();
        // What is planted late is planted into orders.
        let pressed = self.made.operations >= self.size.operations;
        if pressed || self.draw.permille(ORDERS_PERMILLE) {
            self.place(buyer);
        } else {
            let event = self.draw.popular(self.shop.events.len());
            let ticket = self.shop.events[event].tickets[self.draw.below(self.shop.events[event].tickets.len() as u64) as usize];
            self.buyers[buyer as usize].activity = Activity::Look { began: self.now, reads_left: READS, ticket };
            self.look(buyer, ticket);
        }
    }

    fn look(&mut self, buyer: u32, ticket: usize) {
        let serializable = self.draw.permille(SERIALIZABLE_PERMILLE);
        let range = Range { key: self.shop.tickets[ticket].key.clone(), serializable, ..Range::default() };
        self.call(buyer, Purpose::Search, &[], Request::Range(range), Asked::Stock(ticket, serializable));
    }

    /// A buyer has ended what it did, and thinks.
    pub(super) fn rest(&mut self, buyer: u32) {
        self.busy -= 1;
        self.buyers[buyer as usize].activity = Activity::Nothing;
        let at = self.now + 1 + self.draw.below(self.think());
        self.at(at, Task::Wake(buyer));
    }

    pub(super) fn call(&mut self, buyer: u32, purpose: Purpose, orders: &[OrderKey], request: Request, asked: Asked) {
        self.made.operations += 1;
        let member = self.cluster.serving(buyer);
        let state = &mut self.buyers[buyer as usize];
        state.calls += 1;
        let (id, sent) = (CallId { worker: buyer, sequence: state.calls }, self.now);
        let effect = sent + self.draw.between(60 * MICROSECOND, 500 * MICROSECOND);
        let done = effect + self.draw.between(40 * MICROSECOND, 400 * MICROSECOND);
        let is_lost = matches!(asked, Asked::Purchase(_, Fate::UnknownLate));
        let (told, shown) = (self.told, self.cluster.member(member).shown);
        self.buyers[buyer as usize].call = Some(Call { id, member, done, told, shown, asked, outcome: None });
        self.tell(&Event::Invoke(Invoke { id, member, sent, purpose, orders: orders.to_vec(), request }));
        self.at(if is_lost { done } else { effect }, Task::Apply(buyer));
    }

    /// A request takes effect.
    pub(super) fn apply(&mut self, buyer: u32) {
        let Some(mut call) = self.buyers[buyer as usize].call.take() else { return };
        let is_cut_off = call.member == KILLED && self.fault == Fault::InForce;
        let outcome = match &mut call.asked {
            _ if is_cut_off => orders::unavailable(),
            Asked::Stock(ticket, serializable) => {
                let (ticket, serializable) = (*ticket, *serializable);
                self.read_stock(ticket, serializable, &call)
            }
            Asked::Basket => self.read_basket(buyer, call.member),
            Asked::Purchase(write, fate) => {
                let (write, fate) = (write.clone(), *fate);
                self.purchase(buyer, call.member, write, fate)
            }
        };
        call.outcome = Some(outcome);
        self.at(call.done, Task::Return(buyer));
        self.buyers[buyer as usize].call = Some(call);
    }

    fn read_stock(&mut self, ticket: usize, serializable: bool, call: &Call) -> CallOutcome {
        let seen = self.buyers[call.id.worker as usize].seen;
        let state = &self.shop.tickets[ticket];
        let (mut kv, mut revision) = (state.kv.clone(), self.cluster.revision);
        if let Some((_, before)) = &state.before {
            // It was current until the revision before the one that replaced it.
            let until = state.kv.mod_revision - 1;
            let goes_back = (self.wants(Plant::StaleRead) && !serializable && call.told > until)
                || (self.wants(Plant::SessionWentBack) && !serializable && seen > until)
                || (self.wants(Plant::MemberWentBack) && serializable && call.shown > until);
            if goes_back {
                (kv, revision, self.planted) = (before.clone(), until, true);
            } else if self.wants(Plant::WrongRead) {
                (kv, self.planted) = (before.clone(), true);
            }
        }
        let body = AnswerBody::Range(RangeAnswer { kvs: vec![kv], more: false, count: 1 });
        self.answer(call.member, revision, body)
    }

    pub(super) fn answer(&self, member: MemberIndex, revision: Revision, body: AnswerBody) -> CallOutcome {
        CallOutcome::Ok(Answer { member_id: member_id(member), revision, raft_term: 2, body })
    }

    /// The answer arrives.
    pub(super) fn returned(&mut self, buyer: u32) {
        let Some(call) = self.buyers[buyer as usize].call.take() else { return };
        let Some(outcome) = call.outcome else { return };
        if let CallOutcome::Ok(answer) = &outcome {
            self.told = self.told.max(answer.revision);
            let shown = &mut self.cluster.member(call.member).shown;
            *shown = answer.revision.max(*shown);
            let seen = &mut self.buyers[buyer as usize].seen;
            *seen = answer.revision.max(*seen);
        }
        let returned = Event::Return(Return { id: call.id, done: self.now, outcome });
        self.tell(&returned);
        let Event::Return(Return { outcome, .. }) = returned else { return };
        match std::mem::take(&mut self.buyers[buyer as usize].activity) {
            Activity::Nothing => {}
            Activity::Look { began, reads_left, ticket } => {
                let answered = matches!(outcome, CallOutcome::Ok(_));
                if reads_left > 1 && answered && !self.is_over() {
                    self.buyers[buyer as usize].activity = Activity::Look { began, reads_left: reads_left - 1, ticket };
                    self.look(buyer, ticket);
                } else {
                    let (purpose, done) = (Purpose::Search, self.now);
                    self.tell(&Event::QueryClosed(QueryClosed { worker: buyer, purpose, due: began, sent: began, done, answered }));
                    self.rest(buyer);
                }
            }
            Activity::Order(order) => self.continue_order(buyer, order, call.asked, outcome),
        }
    }
}

/// A range that found at most one key.
pub(super) fn found(kv: Option<&KeyValue>) -> RangeAnswer {
    let kvs: Vec<KeyValue> = kv.cloned().into_iter().collect();
    RangeAnswer { count: kvs.len() as i64, kvs, more: false }
}
