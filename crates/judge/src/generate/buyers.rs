//! Buyers: what each does next, and the calls it makes.

use super::orders::Order;
use super::sale::{Fault, KILLED, Sale, Task};
use super::writes::{Fate, Write};
use super::{MICROSECOND, Plant, member_id};
use crate::history::call::{CallId, CallOutcome, Invoke, Purpose, QueryClosed, Return};
use crate::history::event::Event;
use crate::history::request::{Answer, AnswerBody, KeyValue, Range, RangeAnswer, Request, Txn, TxnOp};
use crate::model::{MemberIndex, Nanos, OrderKey, Revision};

/// Of a thousand things a buyer begins, so many are orders: then some tenth of all calls sells.
const ORDERS_PERMILLE: u64 = 350;

/// Of a thousand looks so many are at the page of an event, which may be stale.
const PAGES_PERMILLE: u64 = 150;

/// Reads of one look at the stock.
const READS: u8 = 4;

/// A buyer.
#[derive(Debug, Default)]
pub(super) struct Buyer {
    pub(super) calls: u32,
    pub(super) orders: u32,
    pub(super) activity: Activity,
    pub(super) call: Option<Call>,
    /// An order that it will take back.
    pub(super) regrets: Option<Bought>,
    /// The highest revisions that its own linearizable reads, its own writes, and any of its answers have named; and the
    /// member that gave the last answer.
    pub(super) read: Revision,
    pub(super) written: Revision,
    pub(super) seen: Option<(MemberIndex, Revision)>,
}

/// What a buyer is in the middle of.
#[derive(Debug, Default)]
pub(super) enum Activity {
    #[default]
    Nothing,
    /// A look at the stock, read again and again.
    Look {
        began: Nanos,
        reads_left: u8,
        at: Stock,
    },
    Order(Box<Order>),
}

/// What a look is at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stock {
    /// A ticket.
    Ticket(usize),
    /// The page of an event, with all of its tickets: it may be stale.
    Page(usize),
}

/// What was bought, or is to be taken back as if it had been.
#[derive(Clone, Debug)]
pub(super) struct Bought {
    pub(super) key: OrderKey,
    pub(super) user: u32,
    pub(super) event: usize,
    pub(super) items: Vec<(usize, i64)>,
    /// What is planted by taking it back.
    pub(super) plants: Option<Plant>,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) member: MemberIndex,
    pub(super) done: Nanos,
    /// The highest revision that anybody had been told when it was sent; and that its member had told anybody.
    pub(super) told: Revision,
    pub(super) told_here: Revision,
    pub(super) asked: Asked,
    /// Known once it took effect.
    pub(super) outcome: Option<CallOutcome>,
}

/// What a call asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// The stock.
    Stock(Stock),
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
        if let Some(bought) = self.buyers[buyer as usize].regrets.take() {
            return self.cancel(buyer, bought);
        }
        // What is planted late is planted into orders, unless it is a read that is waited for.
        let pressed = self.made.operations >= self.size.operations && !self.is_read_wanted();
        if pressed || self.draw.permille(ORDERS_PERMILLE) {
            return self.place(buyer);
        }
        let event = self.draw.popular(self.shop.events.len());
        let ticket = self.shop.events[event].tickets[self.draw.below(self.shop.events[event].tickets.len() as u64) as usize];
        let at = if self.draw.permille(PAGES_PERMILLE) { Stock::Page(event) } else { Stock::Ticket(ticket) };
        self.buyers[buyer as usize].activity = Activity::Look { began: self.now, reads_left: READS, at };
        self.look(buyer, at);
    }

    /// Whether a read is to be planted.
    fn is_read_wanted(&self) -> bool {
        self.tape.plan.plant.is_some_and(|plant| matches!(plant.check(), "reads" | "real_time" | "sessions" | "serializable"))
    }

    fn look(&mut self, buyer: u32, at: Stock) {
        let range = |ticket: usize, serializable| Range { key: self.shop.tickets[ticket].key.clone(), serializable, ..Range::default() };
        let request = match at {
            Stock::Ticket(ticket) => Request::Range(range(ticket, false)),
            Stock::Page(event) => {
                let tickets = self.shop.events[event].tickets.iter();
                Request::Txn(Txn { success: tickets.map(|ticket| TxnOp::Range(range(*ticket, true))).collect(), ..Txn::default() })
            }
        };
        self.call(buyer, Purpose::Search, &[], request, Asked::Stock(at));
    }

    /// A buyer has ended what it did, and thinks.
    pub(super) fn rest(&mut self, buyer: u32) {
        self.busy -= 1;
        self.buyers[buyer as usize].activity = Activity::Nothing;
        let at = self.now + 1 + self.draw.below(self.think());
        self.at(at, Task::Wake(buyer));
    }

    pub(super) fn call(&mut self, buyer: u32, purpose: Purpose, orders: &[OrderKey], request: Request, asked: Asked) {
        self.count_operation();
        let member = self.cluster.serving(buyer);
        let (told, told_here) = (self.told.until(self.now), self.told_by[member.index()].until(self.now));
        let state = &mut self.buyers[buyer as usize];
        state.calls += 1;
        let (id, sent) = (CallId { worker: buyer, sequence: state.calls }, self.now);
        let effect = sent + self.draw.between(60 * MICROSECOND, 500 * MICROSECOND);
        let done = effect + self.draw.between(40 * MICROSECOND, 400 * MICROSECOND);
        let is_lost = matches!(asked, Asked::Purchase(_, Fate::UnknownLate));
        self.buyers[buyer as usize].call = Some(Call { id, member, done, told, told_here, asked, outcome: None });
        self.tell(&Event::Invoke(Invoke { id, member, sent, purpose, orders: orders.to_vec(), request }));
        self.at(if is_lost { done } else { effect }, Task::Apply(buyer));
    }

    /// A request takes effect.
    pub(super) fn apply(&mut self, buyer: u32) {
        let Some(mut call) = self.buyers[buyer as usize].call.take() else { return };
        let is_cut_off = call.member == KILLED && self.fault == Fault::InForce;
        let outcome = match &call.asked {
            asked if is_cut_off => self.cut_off(asked),
            Asked::Stock(Stock::Ticket(ticket)) => self.read_ticket(*ticket, &call),
            Asked::Stock(Stock::Page(event)) => self.read_page(*event, &call),
            Asked::Basket => self.read_basket(buyer, call.member),
            Asked::Purchase(write, fate) => self.purchase(buyer, call.member, write.clone(), *fate, call.told),
        };
        if let CallOutcome::Ok(answer) = &outcome {
            let member = self.cluster.member(call.member);
            member.answered = member.answered.max(answer.revision);
        }
        call.outcome = Some(outcome);
        self.at(call.done, Task::Return(buyer));
        self.buyers[buyer as usize].call = Some(call);
    }

    pub(super) fn answer(&self, member: MemberIndex, revision: Revision, body: AnswerBody) -> CallOutcome {
        CallOutcome::Ok(Answer { member_id: member_id(member), revision, raft_term: 2, body })
    }

    /// The answer arrives.
    pub(super) fn returned(&mut self, buyer: u32) {
        let Some(call) = self.buyers[buyer as usize].call.take() else { return };
        let Some(outcome) = call.outcome else { return };
        if let CallOutcome::Ok(answer) = &outcome {
            self.learn(buyer, call.member, answer, &call.asked);
        }
        let returned = Event::Return(Return { id: call.id, done: self.now, outcome });
        self.tell(&returned);
        let Event::Return(Return { outcome, .. }) = returned else { return };
        match std::mem::take(&mut self.buyers[buyer as usize].activity) {
            Activity::Nothing => {}
            Activity::Look { began, reads_left, at } => {
                let answered = matches!(outcome, CallOutcome::Ok(_));
                if reads_left > 1 && answered && !self.is_over() {
                    self.buyers[buyer as usize].activity = Activity::Look { began, reads_left: reads_left - 1, at };
                    self.look(buyer, at);
                } else {
                    let (purpose, done) = (Purpose::Search, self.now);
                    self.tell(&Event::QueryClosed(QueryClosed { worker: buyer, purpose, due: began, sent: began, done, answered }));
                    self.rest(buyer);
                }
            }
            Activity::Order(order) => self.continue_order(buyer, order, call.asked, outcome),
        }
    }

    /// What an answer says is known from now on: to everybody, of its member, and to its buyer.
    fn learn(&mut self, buyer: u32, member: MemberIndex, answer: &Answer, asked: &Asked) {
        let revision = answer.revision;
        self.told.tell(self.now, revision);
        self.told_by[member.index()].tell(self.now, revision);
        let state = &mut self.buyers[buyer as usize];
        let before = state.seen.filter(|(of, _)| *of == member).map_or(0, |(_, revision)| revision);
        state.seen = Some((member, before.max(revision)));
        match asked {
            Asked::Stock(Stock::Page(_)) => {}
            Asked::Purchase(..) if answer.wrote() => state.written = state.written.max(revision),
            _ => state.read = state.read.max(revision),
        }
    }
}

/// A range that found at most one key.
pub(super) fn found(kv: Option<&KeyValue>) -> RangeAnswer {
    let kvs: Vec<KeyValue> = kv.cloned().into_iter().collect();
    RangeAnswer { count: kvs.len() as i64, kvs, more: false }
}
