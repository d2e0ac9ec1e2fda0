//! What an order writes, and what becomes of that.

use super::super::shop::append;
use super::super::{MILLISECOND, Plant};
use super::answers::{refused, renew, unavailable};
use super::state::{Fate, Order, Seen, Write};
use super::{Sale, Task};
use ticketcd_history::call::CallOutcome;
use ticketcd_history::request::{AnswerBody, Guard, GuardTarget, KeyValue, Put, Relation, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_judge::model::records::PurchasedTicket;
use ticketcd_judge::model::{Blob, Cents, MemberIndex, OrderId, OrderKey, Revision};

/// What the id of a purchase that nobody placed counts from.
const PHANTOM: u32 = 1_000_000;

impl Sale<'_> {
    /// What an order writes, computed from what its buyer has seen; or something wrong, when that is to be planted.
    pub(super) fn write(&mut self, order: &Order, mut seen: Seen, fate: Fate) -> Write {
        let mut plants = order.plants.or_else(|| self.plant_of_fate(fate, order)).or_else(|| self.plant_in_write(order, &seen));
        let (first, _) = order.items[0];
        let before = self.shop.tickets[first].before.as_ref().map_or(0, |(before, _)| *before);
        let mut quantities: Vec<i64> = order.items.iter().map(|(_, quantity)| *quantity).collect();
        let mut taken = quantities.clone();
        match plants {
            Some(Plant::LostUpdate) => {
                seen.event.0 += before - seen.tickets[0].0;
                seen.tickets[0].0 = before;
            }
            Some(Plant::VanishedTicket | Plant::PhantomOrder) => taken[0] += 1,
            Some(Plant::AlteredOrder) => (taken[0], quantities[0]) = (taken[0] + 1, quantities[0] + 1),
            Some(Plant::UnreturnedTicket) => taken[0] = 0,
            Some(Plant::StockAboveTotal) => taken[0] = seen.tickets[0].0 - self.shop.tickets[first].total - 1,
            _ => {}
        }
        let mut tickets: Vec<(usize, i64, Blob, Revision)> = order
            .items
            .iter()
            .zip(&taken)
            .zip(&seen.tickets)
            .map(|(((ticket, _), taken), (left, revision))| {
                (*ticket, left - taken, self.shop.ticket_value(*ticket, left - taken), *revision)
            })
            .collect();
        match plants {
            Some(Plant::TotalChanged) => tickets[0].2 = self.shop.ticket_value_of(first, self.shop.tickets[first].total + 10, tickets[0].1),
            Some(Plant::WrongBranch) => match &self.shop.tickets[first].before {
                // A guard on the revision before the last cannot hold.
                Some((_, kv)) => tickets[0].3 = kv.mod_revision,
                // Not sold before: it is the right branch, and the next order must do.
                None => plants = None,
            },
            _ => {}
        }
        let event_taken = if plants == Some(Plant::EventCounter) { 0 } else { taken.iter().sum::<i64>() };
        let event_after = seen.event.0 - event_taken;
        let paid = order.items.iter().map(|(ticket, quantity)| self.shop.tickets[*ticket].price.times(*quantity)).sum::<i128>();
        Write {
            user: order.user,
            event: order.event,
            tickets,
            event_after: (event_after, self.shop.event_value(order.event, event_after), seen.event.1),
            purchase: (self.entry(order, &quantities, seen.purchase.as_ref(), plants), seen.purchase.map_or(0, |kv| kv.mod_revision)),
            seen: seen.revision,
            paid: Cents(i64::try_from(paid).unwrap_or(0)),
            is_guarded: plants != Some(Plant::LostUpdate),
            plants,
        }
    }

    /// The purchases of before with the entry of an order.
    fn entry(&self, order: &Order, quantities: &[i64], before: Option<&KeyValue>, plants: Option<Plant>) -> Blob {
        let id = |key: OrderKey| OrderId { run: self.run_tag().into(), key }.to_string();
        let line = |(ticket, quantity): (usize, i64)| {
            let state = &self.shop.tickets[ticket];
            PurchasedTicket { kind: state.kind.to_owned(), quantity, price: Some(state.price) }
        };
        let mut lines: Vec<_> = order.items.iter().zip(quantities).map(|((ticket, _), quantity)| line((*ticket, *quantity))).collect();
        if plants == Some(Plant::WrongPrice) {
            lines[0].price = lines[0].price.map(|price| Cents(price.0 + 1));
        }
        let entry = append(before, id(order.key), lines, order.cancels.map(id));
        if plants != Some(Plant::PhantomOrder) {
            return entry;
        }
        let key = OrderKey { sequence: order.key.sequence + PHANTOM, ..order.key };
        append(Some(&KeyValue { value: entry, ..KeyValue::default() }), id(key), vec![line((order.items[0].0, 1))], None)
    }

    /// What a fate plants that was chosen for that.
    fn plant_of_fate(&self, fate: Fate, order: &Order) -> Option<Plant> {
        match fate {
            Fate::RefusedButApplied => Some(Plant::RefusedButApplied),
            Fate::AnsweredNotApplied if order.cancels.is_some() => Some(Plant::LostCancellation),
            Fate::AnsweredNotApplied => Some(Plant::LostOrder),
            Fate::WrongBranch => Some(Plant::WrongBranch),
            _ => None,
        }
    }

    /// What is to be planted into what an order writes, if it offers the occasion.
    fn plant_in_write(&self, order: &Order, seen: &Seen) -> Option<Plant> {
        if order.cancels.is_some() {
            return self.tape.plan.wanted(&[Plant::UnreturnedTicket]);
        }
        let (first, wanted) = order.items[0];
        let before = self.shop.tickets[first].before.as_ref().map_or(0, |(before, _)| *before);
        if before > seen.tickets[0].0 && self.wants(Plant::LostUpdate) {
            return Some(Plant::LostUpdate);
        }
        let any =
            [Plant::EventCounter, Plant::StockAboveTotal, Plant::TotalChanged, Plant::WrongPrice, Plant::AlteredWrite, Plant::TwiceApplied];
        // One ticket more must be there.
        let spare = [Plant::VanishedTicket, Plant::PhantomOrder, Plant::AlteredOrder];
        self.tape.plan.wanted(&any).or_else(|| self.tape.plan.wanted(&spare).filter(|_| seen.tickets[0].0 > wanted))
    }

    /// The transaction as it is sent.
    pub(super) fn request(&self, order: &Order, write: &Write) -> Request {
        let purchase_key = self.shop.purchase_key(write.user, write.event);
        let tickets = write.tickets.iter().map(|(ticket, _, value, revision)| (&self.shop.tickets[*ticket].key, value, *revision));
        let event = (&self.shop.events[write.event].key, &write.event_after.1, write.event_after.2);
        let changes = tickets.chain([event, (&purchase_key, &write.purchase.0, write.purchase.1)]);
        let guard = |(key, _, revision): (&Blob, &Blob, Revision)| Guard {
            key: key.clone(),
            range_end: Blob::default(),
            target: GuardTarget::ModRevision(revision),
            relation: Relation::Equal,
        };
        let put = |(key, value, _): (&Blob, &Blob, Revision)| TxnOp::Put(Put { key: key.clone(), value: value.clone(), lease: 0 });
        let guards = if write.is_guarded { changes.clone().map(guard).collect() } else { Vec::new() };
        Request::Txn(Txn { guards, success: changes.map(put).collect(), failure: self.reads(order) })
    }

    /// The transaction takes effect, or does not. `told` is what everybody had been told when it was sent.
    pub(super) fn purchase(&mut self, buyer: u32, member: MemberIndex, write: Write, fate: Fate, told: Revision) -> CallOutcome {
        if self.wants(Plant::UnauthoredWrite) {
            self.plant();
            self.put_other(self.shop.keys.meta("ghost"), "nobody wrote this".into());
        }
        let holds = self.holds(&write);
        match fate {
            Fate::UnknownLate => {
                self.late.push(Some(write));
                let at = self.now + self.draw.between(MILLISECOND, 20 * MILLISECOND);
                self.at(at, Task::Late((self.late.len() - 1) as u32));
                unavailable()
            }
            Fate::UnknownNotApplied => {
                self.give_up_planting(&write);
                unavailable()
            }
            Fate::Refused => {
                self.give_up_planting(&write);
                refused()
            }
            Fate::UnknownApplied | Fate::RefusedButApplied => {
                if holds {
                    self.carry_out(write);
                } else {
                    self.give_up_planting(&write);
                }
                if fate == Fate::UnknownApplied { unavailable() } else { refused() }
            }
            Fate::AnsweredNotApplied if holds => {
                self.plant();
                let revision = self.cluster.revision + 1;
                self.sold(member, revision, &write)
            }
            _ if holds && write.is_guarded && write.plants.is_none() && self.wants(Plant::IgnoredSuccess) => {
                self.plant();
                self.conflicted(buyer, member)
            }
            _ if holds || write.plants == Some(Plant::WrongBranch) => {
                self.carry_out(write.clone());
                let revision = self.misnamed(buyer, &write, told);
                self.sold(member, revision, &write)
            }
            _ => {
                self.give_up_planting(&write);
                self.conflicted(buyer, member)
            }
        }
    }

    /// What is planted by a write is not, for it was not carried out: the next must do.
    pub(super) fn give_up_planting(&mut self, write: &Write) {
        if write.plants.is_some() {
            self.tape.plan.is_under_way = false;
        }
    }

    /// The revision that the writer is told: its own, unless a wrong one is to be planted.
    fn misnamed(&mut self, buyer: u32, write: &Write, told: Revision) -> Revision {
        let state = &self.buyers[buyer as usize];
        let wrong = match self.tape.plan.plant {
            Some(plant @ Plant::WriteWentBack) => (plant, told),
            Some(plant @ Plant::WriteBeforeRead) => (plant, write.seen),
            Some(plant @ Plant::WritesOutOfOrder) => (plant, state.written),
            _ => return self.cluster.revision,
        };
        match wrong {
            (plant, revision) if revision > 1 && self.wants(plant) => {
                self.plant();
                revision
            }
            _ => self.cluster.revision,
        }
    }

    fn sold(&self, member: MemberIndex, revision: Revision, write: &Write) -> CallOutcome {
        let responses = vec![TxnAnswer { revision, body: TxnAnswerBody::Put }; write.tickets.len() + 2];
        self.answer(member, revision, AnswerBody::Txn { succeeded: true, responses })
    }

    fn conflicted(&mut self, buyer: u32, member: MemberIndex) -> CallOutcome {
        let responses = self.basket(buyer);
        self.answer(member, self.cluster.revision, AnswerBody::Txn { succeeded: false, responses })
    }

    fn holds(&self, write: &Write) -> bool {
        let tickets = write.tickets.iter().all(|(ticket, _, _, revision)| self.shop.tickets[*ticket].kv.mod_revision == *revision);
        let purchase = self.shop.purchases.get(&(write.user, write.event as u32)).map_or(0, |kv| kv.mod_revision);
        !write.is_guarded
            || (tickets && self.shop.events[write.event].kv.mod_revision == write.event_after.2 && purchase == write.purchase.1)
    }

    /// A write takes effect whose sender has given up.
    pub(super) fn apply_late(&mut self, number: u32) {
        let Some(write) = self.late.get_mut(number as usize).and_then(Option::take) else { return };
        if self.holds(&write) {
            self.carry_out(write);
        } else {
            self.give_up_planting(&write);
        }
    }

    fn carry_out(&mut self, mut write: Write) {
        if write.plants.is_some() {
            self.plant();
        }
        match write.plants.take() {
            Some(Plant::AlteredWrite) => write.purchase.0 = write.purchase.0.to_text().replace("20:00", "20:01").into(),
            Some(Plant::TwiceApplied) => self.carry_out(write.clone()),
            _ => {}
        }
        self.cluster.revision += 1;
        let revision = self.cluster.revision;
        let mut kvs = Vec::with_capacity(write.tickets.len() + 2);
        for (ticket, after, value, _) in write.tickets {
            let state = &mut self.shop.tickets[ticket];
            state.before = Some((state.current, state.kv.clone()));
            state.current = after;
            renew(&mut state.kv, value, revision);
            kvs.push(state.kv.clone());
        }
        let event = &mut self.shop.events[write.event];
        event.record.current_quantity = write.event_after.0;
        renew(&mut event.kv, write.event_after.1, revision);
        kvs.push(event.kv.clone());
        let key = self.shop.purchase_key(write.user, write.event);
        let kv = self.shop.purchases.entry((write.user, write.event as u32)).or_insert_with(|| created(key, revision));
        renew(kv, write.purchase.0, revision);
        kvs.push(kv.clone());
        self.written(kvs);
    }
}

/// A key that is about to be written for the first time.
fn created(key: Blob, revision: Revision) -> KeyValue {
    KeyValue { key, create_revision: revision, ..KeyValue::default() }
}
