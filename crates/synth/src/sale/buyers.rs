//! Buyers: what each does next, and the calls it makes.

use super::state::{Action, Activity, Call, Stock};
use super::writes::unavailable;
use super::{Fault, Sale, Task};
use crate::cluster::RequestOutcome;
use crate::run::{KILLED, MICROSECOND};
use ticketcd_history::annotation::{Purpose, QueryClosed};
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{Answer, Range, Request, Txn, TxnOp};
use ticketcd_history::{MemberIndex, OrderKey};

/// Of a thousand activities so many are orders: then about a tenth of all calls sells.
const ORDERS_PERMILLE: u64 = 350;

/// Of a thousand searches so many read the page of an event, which may be stale.
const PAGES_PERMILLE: u64 = 150;

/// Reads of one search.
const READS: u8 = 4;

impl Sale<'_> {
    pub(super) fn wake(&mut self, buyer: u32) {
        if let Activity::Order(order) = std::mem::take(&mut self.buyers[buyer as usize].activity) {
            return self.decide(buyer, order);
        }
        if self.is_over() {
            return;
        }
        self.busy += 1;
        self.begun += 1;
        self.break_members();
        if let Some(bought) = self.buyers[buyer as usize].cancels_next.take() {
            return self.cancel(buyer, bought);
        }
        // Past the end only orders are placed, for a mutation that is pending; unless it needs a read.
        let pressed = self.made.operations >= self.size.operations && !self.is_read_wanted();
        if pressed || self.draw.permille(ORDERS_PERMILLE) {
            return self.place(buyer);
        }
        let event = self.draw.popular(self.shop.events.len());
        let ticket = self.shop.events[event].tickets[self.draw.below(self.shop.events[event].tickets.len() as u64) as usize];
        let at = if self.draw.permille(PAGES_PERMILLE) { Stock::Page(event) } else { Stock::Ticket(ticket) };
        self.buyers[buyer as usize].activity = Activity::Search { began: self.now, reads_left: READS, at };
        self.search(buyer, at);
    }

    /// Whether the mutation needs a read.
    fn is_read_wanted(&self) -> bool {
        self.writer.plan.mutation.is_some_and(|mutation| matches!(mutation.check(), "reads" | "real_time" | "sessions" | "serializable"))
    }

    fn search(&mut self, buyer: u32, at: Stock) {
        let range = |ticket: usize, serializable| Range { key: self.shop.tickets[ticket].key.clone(), serializable, ..Range::default() };
        let request = match at {
            Stock::Ticket(ticket) => Request::Range(range(ticket, false)),
            Stock::Page(event) => {
                let tickets = self.shop.events[event].tickets.iter();
                Request::Txn(Txn { success: tickets.map(|ticket| TxnOp::Range(range(*ticket, true))).collect(), ..Txn::default() })
            }
        };
        self.call(buyer, Purpose::Search, &[], request, Action::Stock(at));
    }

    /// A buyer is done, and thinks.
    pub(super) fn rest(&mut self, buyer: u32) {
        self.busy -= 1;
        self.buyers[buyer as usize].activity = Activity::Idle;
        let at = self.now + 1 + self.draw.below(self.think());
        self.at(at, Task::Wake(buyer));
    }

    pub(super) fn call(&mut self, buyer: u32, purpose: Purpose, orders: &[OrderKey], request: Request, action: Action) {
        self.count_operation();
        let member = self.cluster.serving(buyer);
        let acknowledged = self.acknowledged.until(self.now);
        let acknowledged_here = self.acknowledged_by[member.index()].until(self.now);
        let state = &mut self.buyers[buyer as usize];
        state.calls += 1;
        let (id, sent) = (CallId { worker: buyer, sequence: state.calls }, self.now);
        let effect = sent + self.draw.between(60 * MICROSECOND, 500 * MICROSECOND);
        let done = effect + self.draw.between(40 * MICROSECOND, 400 * MICROSECOND);
        let is_lost = matches!(action, Action::Purchase(_, RequestOutcome::UnknownLate));
        self.buyers[buyer as usize].call = Some(Call { id, member, done, acknowledged, acknowledged_here, action, outcome: None });
        self.record(&Event::Invoke(Invoke { id, member, sent, purpose, orders: orders.to_vec(), request }));
        self.at(if is_lost { done } else { effect }, Task::Apply(buyer));
    }

    /// A request takes effect.
    pub(super) fn apply(&mut self, buyer: u32) {
        let Some(mut call) = self.buyers[buyer as usize].call.take() else { return };
        let is_cut_off = call.member == KILLED && self.fault == Fault::InForce;
        let action = std::mem::replace(&mut call.action, Action::Basket(Txn::default()));
        let outcome = match &action {
            Action::Purchase(write, _) if is_cut_off => {
                self.give_up_mutation(write);
                unavailable()
            }
            _ if is_cut_off => unavailable(),
            Action::Stock(Stock::Ticket(ticket)) => self.read_ticket(*ticket, &call),
            Action::Stock(Stock::Page(event)) => self.read_page(*event, &call),
            Action::Basket(txn) => self.read_basket(buyer, call.member, txn),
            Action::Purchase(write, outcome) => self.purchase(buyer, call.member, write, *outcome, call.acknowledged),
        };
        call.action = action;
        if let CallOutcome::Ok(answer) = &outcome {
            let member = self.cluster.member(call.member);
            member.answered = member.answered.max(answer.revision);
        }
        call.outcome = Some(outcome);
        self.at(call.done, Task::Return(buyer));
        self.buyers[buyer as usize].call = Some(call);
    }

    /// The response arrives.
    pub(super) fn returned(&mut self, buyer: u32) {
        let Some(call) = self.buyers[buyer as usize].call.take() else { return };
        let Some(outcome) = call.outcome else { return };
        if let CallOutcome::Ok(answer) = &outcome {
            self.learn(buyer, call.member, answer, &call.action);
        }
        let returned = Event::Return(Return { id: call.id, done: self.now, outcome });
        self.record(&returned);
        let Event::Return(Return { outcome, .. }) = returned else { return };
        match std::mem::take(&mut self.buyers[buyer as usize].activity) {
            Activity::Idle => {}
            Activity::Search { began, reads_left, at } => {
                let answered = matches!(outcome, CallOutcome::Ok(_));
                if reads_left > 1 && answered && !self.is_over() {
                    self.buyers[buyer as usize].activity = Activity::Search { began, reads_left: reads_left - 1, at };
                    self.search(buyer, at);
                } else {
                    let (purpose, done) = (Purpose::Search, self.now);
                    self.record(&Event::QueryClosed(QueryClosed { worker: buyer, purpose, due: began, sent: began, done, answered }));
                    self.rest(buyer);
                }
            }
            Activity::Order(order) => self.continue_order(buyer, order, call.action, outcome),
        }
    }

    /// The revision of a response is known from now on: in general, of its member, and to its buyer.
    fn learn(&mut self, buyer: u32, member: MemberIndex, answer: &Answer, action: &Action) {
        let revision = answer.revision;
        self.acknowledged.raise(self.now, revision);
        self.acknowledged_by[member.index()].raise(self.now, revision);
        let state = &mut self.buyers[buyer as usize];
        let before = state.seen.filter(|(of, _)| *of == member).map_or(0, |(_, revision)| revision);
        state.seen = Some((member, before.max(revision)));
        match action {
            Action::Stock(Stock::Page(_)) => {}
            Action::Purchase(..) if answer.wrote() => state.written = state.written.max(revision),
            _ => state.read = state.read.max(revision),
        }
    }
}
