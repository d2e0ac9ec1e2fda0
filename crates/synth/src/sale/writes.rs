//! What an order writes, and what becomes of that.

use super::state::{Order, Seen, Write};
use super::{Sale, Task};
use crate::cluster::RequestOutcome;
use crate::mutation::Mutation;
use crate::run::MILLISECOND;
use crate::shop::{append, quantity};
use ticketcd_history::call::CallOutcome;
use ticketcd_history::request::{AnswerBody, Guard, GuardTarget, KeyValue, Put, Relation, Txn, TxnOp};
use ticketcd_history::{Blob, MemberIndex, OrderId, OrderKey, Revision};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::PurchasedTicket;

/// The sequence number of a purchase without an order counts from here.
const PHANTOM: u32 = 1_000_000;

/// It is unknown whether a member executed it.
pub(super) fn unavailable() -> CallOutcome {
    CallOutcome::Unknown { code: "Unavailable".to_owned(), message: "error reading from server: EOF".to_owned() }
}

/// No member received it.
fn refused() -> CallOutcome {
    CallOutcome::Refused { code: "Unavailable".to_owned(), message: "tcp connect error".to_owned() }
}

impl Sale<'_> {
    /// The transaction of an order, computed from what its buyer has read; or a wrong one, when that is the mutation.
    pub(super) fn write(&mut self, order: &Order, mut seen: Seen, outcome: RequestOutcome) -> Write {
        let mut mutation = order.mutation.or_else(|| mutation_of_outcome(outcome, order)).or_else(|| self.mutation_in_write(order, &seen));
        let (first, _) = order.items[0];
        let mut quantities: Vec<i64> = order.items.iter().map(|(_, quantity)| *quantity).collect();
        let mut taken = quantities.clone();
        match mutation {
            Some(Mutation::LostUpdate) => {
                let before = self.left_before(first);
                seen.event.0 += before - seen.tickets[0].0;
                seen.tickets[0].0 = before;
            }
            Some(Mutation::VanishedTicket | Mutation::PhantomOrder) => taken[0] += 1,
            Some(Mutation::AlteredOrder) => (taken[0], quantities[0]) = (taken[0] + 1, quantities[0] + 1),
            Some(Mutation::UnreturnedTicket) => taken[0] = 0,
            Some(Mutation::StockAboveTotal) => taken[0] = seen.tickets[0].0 - self.shop.tickets[first].total - 1,
            _ => {}
        }
        let mut changes: Vec<(Blob, Blob, Revision)> = order
            .items
            .iter()
            .zip(&taken)
            .zip(&seen.tickets)
            .map(|(((ticket, _), taken), (left, revision))| {
                (self.shop.tickets[*ticket].key.clone(), self.shop.ticket_value(*ticket, left - taken), *revision)
            })
            .collect();
        match mutation {
            Some(Mutation::TotalChanged) => {
                let total = self.shop.tickets[first].total + 10;
                changes[0].1 = self.shop.ticket_value_of(first, total, seen.tickets[0].0 - taken[0]);
            }
            Some(Mutation::WrongBranch) => match self.cluster.previous(&changes[0].0) {
                // A compare with the previous revision does not hold.
                Some(kv) => changes[0].2 = kv.mod_revision,
                // Not sold before: the compare holds, and the next order carries the mutation.
                None => mutation = None,
            },
            _ => {}
        }
        let event_taken = if mutation == Some(Mutation::EventCounter) { 0 } else { taken.iter().sum::<i64>() };
        let event_key = self.shop.events[order.event].key.clone();
        changes.push((event_key, self.shop.event_value(order.event, seen.event.0 - event_taken), seen.event.1));
        let entry = self.entry(order, &quantities, seen.purchase.as_ref(), mutation);
        let purchase_key = self.shop.purchase_key(order.user, order.event);
        changes.push((purchase_key, entry, seen.purchase.map_or(0, |kv| kv.mod_revision)));

        let guard = |(key, _, revision): &(Blob, Blob, Revision)| Guard {
            key: key.clone(),
            range_end: Blob::default(),
            target: GuardTarget::ModRevision(*revision),
            relation: Relation::Equal,
        };
        let guards = if mutation == Some(Mutation::LostUpdate) { Vec::new() } else { changes.iter().map(guard).collect() };
        let success = changes.into_iter().map(|(key, value, _)| TxnOp::Put(Put { key, value, ..Put::default() })).collect();
        let paid = order.items.iter().map(|(ticket, quantity)| self.shop.tickets[*ticket].price.times(*quantity)).sum::<i128>();
        Write {
            txn: Txn { guards, success, failure: self.reads(order) },
            seen: seen.revision,
            paid: Cents(i64::try_from(paid).unwrap_or(0)),
            mutation,
        }
    }

    /// How many of a ticket were left before its last sale; 0 when it was never sold.
    fn left_before(&self, ticket: usize) -> i64 {
        self.cluster.previous(&self.shop.tickets[ticket].key).map_or(0, quantity)
    }

    /// The purchases so far with the entry of an order.
    fn entry(&self, order: &Order, quantities: &[i64], before: Option<&KeyValue>, mutation: Option<Mutation>) -> Blob {
        let id = |key: OrderKey| OrderId { run: self.run_tag().into(), key }.to_string();
        let line = |(ticket, quantity): (usize, i64)| {
            let state = &self.shop.tickets[ticket];
            PurchasedTicket { kind: state.kind.to_owned(), quantity, price: Some(state.price) }
        };
        let mut lines: Vec<_> = order.items.iter().zip(quantities).map(|((ticket, _), quantity)| line((*ticket, *quantity))).collect();
        if mutation == Some(Mutation::WrongPrice) {
            lines[0].price = lines[0].price.map(|price| Cents(price.0 + 1));
        }
        let entry = append(before, id(order.key), lines, order.cancels.map(id));
        if mutation != Some(Mutation::PhantomOrder) {
            return entry;
        }
        let key = OrderKey { sequence: order.key.sequence + PHANTOM, ..order.key };
        append(Some(&KeyValue { value: entry, ..KeyValue::default() }), id(key), vec![line((order.items[0].0, 1))], None)
    }

    /// The mutation of what an order writes, if it offers the occasion.
    fn mutation_in_write(&self, order: &Order, seen: &Seen) -> Option<Mutation> {
        if order.cancels.is_some() {
            return self.writer.plan.first_allowed(&[Mutation::UnreturnedTicket]);
        }
        let (first, quantity) = order.items[0];
        if self.allows(Mutation::LostUpdate) && self.left_before(first) > seen.tickets[0].0 {
            return Some(Mutation::LostUpdate);
        }
        let any = [
            Mutation::EventCounter,
            Mutation::StockAboveTotal,
            Mutation::TotalChanged,
            Mutation::WrongPrice,
            Mutation::AlteredWrite,
            Mutation::TwiceApplied,
        ];
        // There must be one more ticket.
        let spare = [Mutation::VanishedTicket, Mutation::PhantomOrder, Mutation::AlteredOrder];
        self.writer.plan.first_allowed(&any).or_else(|| self.writer.plan.first_allowed(&spare).filter(|_| seen.tickets[0].0 > quantity))
    }

    /// The transaction takes effect, or does not. `acknowledged` is the highest revision named when it was sent.
    pub(super) fn purchase(
        &mut self,
        buyer: u32,
        member: MemberIndex,
        write: &Write,
        outcome: RequestOutcome,
        acknowledged: Revision,
    ) -> CallOutcome {
        if self.allows(Mutation::UnauthoredWrite) {
            self.mutated();
            let key = self.shop.keys.meta("ghost");
            let put = Put { key: key.clone(), value: "written without a request".into(), ..Put::default() };
            self.cluster.write(vec![(key, Some(put))]);
            self.schedule_deliveries();
        }
        let holds = self.cluster.succeeds(&write.txn);
        match outcome {
            RequestOutcome::UnknownLate => {
                self.late.push(Some(write.clone()));
                let at = self.now + self.draw.between(MILLISECOND, 20 * MILLISECOND);
                self.at(at, Task::Late((self.late.len() - 1) as u32));
                unavailable()
            }
            RequestOutcome::UnknownNotApplied => {
                self.give_up_mutation(write);
                unavailable()
            }
            RequestOutcome::Refused => {
                self.give_up_mutation(write);
                refused()
            }
            RequestOutcome::UnknownApplied | RequestOutcome::RefusedButApplied => {
                if holds {
                    self.carry_out(write);
                } else {
                    self.give_up_mutation(write);
                }
                if outcome == RequestOutcome::UnknownApplied { unavailable() } else { refused() }
            }
            RequestOutcome::AnsweredNotApplied if holds => {
                self.mutated();
                let (revision, body) = self.cluster.pretend(&write.txn);
                self.cluster.answer(member, revision, body)
            }
            _ if holds && !write.txn.guards.is_empty() && write.mutation.is_none() && self.allows(Mutation::IgnoredSuccess) => {
                self.mutated();
                self.conflict(buyer, member, &write.txn)
            }
            _ if holds || write.mutation == Some(Mutation::WrongBranch) => {
                let (revision, body) = self.carry_out(write);
                match self.misnamed(buyer, write, acknowledged) {
                    Some(wrong) => self.cluster.answer(member, wrong, renamed(body, wrong)),
                    None => self.cluster.answer(member, revision, body),
                }
            }
            _ => {
                self.give_up_mutation(write);
                self.conflict(buyer, member, &write.txn)
            }
        }
    }

    /// A write was not executed, and so the mutation it carries did not happen: the next one carries it.
    pub(super) fn give_up_mutation(&mut self, write: &Write) {
        if write.mutation.is_some() {
            self.writer.plan.is_in_flight = false;
        }
    }

    /// The wrong revision that the response to a write names, where that is the mutation.
    fn misnamed(&mut self, buyer: u32, write: &Write, acknowledged: Revision) -> Option<Revision> {
        let state = &self.buyers[buyer as usize];
        let (mutation, revision) = match self.writer.plan.mutation? {
            mutation @ Mutation::WriteWentBack => (mutation, acknowledged),
            mutation @ Mutation::WriteBeforeRead => (mutation, write.seen),
            mutation @ Mutation::WritesOutOfOrder => (mutation, state.written),
            _ => return None,
        };
        if revision <= 1 || !self.allows(mutation) {
            return None;
        }
        self.mutated();
        Some(revision)
    }

    /// The compares did not hold: the response contains the current state.
    fn conflict(&mut self, buyer: u32, member: MemberIndex, txn: &Txn) -> CallOutcome {
        let (revision, body) = self.cluster.execute_branch(txn, false);
        if let AnswerBody::Txn { responses, .. } = &body {
            self.see(buyer, responses, revision);
        }
        self.cluster.answer(member, revision, body)
    }

    /// A write takes effect whose sender has given up.
    pub(super) fn apply_late(&mut self, number: u32) {
        let Some(write) = self.late.get_mut(number as usize).and_then(Option::take) else { return };
        if self.cluster.succeeds(&write.txn) {
            self.carry_out(&write);
        } else {
            self.give_up_mutation(&write);
        }
    }

    /// Executes the transaction of an order.
    fn carry_out(&mut self, write: &Write) -> (Revision, AnswerBody) {
        if write.mutation.is_some() {
            self.mutated();
        }
        let executed = match write.mutation {
            Some(Mutation::AlteredWrite) => {
                let mut txn = write.txn.clone();
                if let Some(TxnOp::Put(put)) = txn.success.last_mut() {
                    put.value = put.value.to_text().replace("20:00", "20:01").into();
                }
                self.cluster.execute_branch(&txn, true)
            }
            Some(Mutation::TwiceApplied) => {
                self.cluster.execute_branch(&write.txn, true);
                self.schedule_deliveries();
                self.cluster.execute_branch(&write.txn, true)
            }
            _ => self.cluster.execute_branch(&write.txn, true),
        };
        self.schedule_deliveries();
        executed
    }
}

/// The mutation that a request carries by its outcome.
fn mutation_of_outcome(outcome: RequestOutcome, order: &Order) -> Option<Mutation> {
    match outcome {
        RequestOutcome::RefusedButApplied => Some(Mutation::RefusedButApplied),
        RequestOutcome::AnsweredNotApplied if order.cancels.is_some() => Some(Mutation::LostCancellation),
        RequestOutcome::AnsweredNotApplied => Some(Mutation::LostOrder),
        RequestOutcome::WrongBranch => Some(Mutation::WrongBranch),
        _ => None,
    }
}

/// A response whose operations name another revision.
fn renamed(mut body: AnswerBody, revision: Revision) -> AnswerBody {
    if let AnswerBody::Txn { responses, .. } = &mut body {
        responses.iter_mut().for_each(|response| response.revision = revision);
    }
    body
}
