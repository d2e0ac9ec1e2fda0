//! Orders: read, decide, one guarded transaction; again when the race was lost.

use super::Plant;
use super::buyers::{Activity, Asked, found};
use super::sale::{MILLISECOND, Sale, Task};
use super::shop::{append, user_name};
use crate::history::call::{CallOutcome, OrderClosed, OrderOutcome, OrderPlaced, Purpose};
use crate::history::event::Event;
use crate::history::request::{
    AnswerBody, Guard, GuardTarget, KeyValue, Put, Range, Relation, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp,
};
use crate::model::records::PurchasedTicket;
use crate::model::{Blob, Cents, MemberIndex, Nanos, OrderId, OrderKey, Revision};

/// Transactions to try before giving up.
const ATTEMPTS_MAX: u32 = 10;

/// What the id of a purchase that nobody placed counts from.
const PHANTOM: u32 = 1_000_000;

/// An order under way.
#[derive(Debug)]
pub(super) struct Order {
    key: OrderKey,
    user: u32,
    event: usize,
    /// Tickets by index, with quantities.
    items: Vec<(usize, i64)>,
    attempts: u32,
    seen: Option<Seen>,
    /// Whether it was sent again although it may have been carried out.
    is_repeated: bool,
}

/// What a buyer knows of what it wants to write.
#[derive(Clone, Debug)]
struct Seen {
    tickets: Vec<(i64, Revision)>,
    event: (i64, Revision),
    purchase: Option<KeyValue>,
}

/// What becomes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered.
    Answered,
    /// It is carried out, but the answer is lost.
    UnknownApplied,
    /// It is lost on its way.
    UnknownNotApplied,
    /// It is carried out after its sender gave up.
    UnknownLate,
    /// It is refused for good.
    Refused,
    /// Planted: refused for good, and carried out all the same.
    RefusedButApplied,
    /// Planted: answered, and not written.
    AnsweredNotApplied,
    /// Planted: carried out although its guards do not hold.
    WrongBranch,
}

/// What a transaction writes.
#[derive(Clone, Debug)]
pub(super) struct Write {
    user: u32,
    event: usize,
    /// By ticket: what is left, how that is written, and the revision it was computed from.
    tickets: Vec<(usize, i64, Blob, Revision)>,
    event_after: (i64, Blob, Revision),
    purchase: (Blob, Revision),
    paid: Cents,
    is_guarded: bool,
    plants: Option<Plant>,
}

/// No member took it on, or nobody can tell whether one did.
pub(super) fn unavailable() -> CallOutcome {
    CallOutcome::Unknown { code: "Unavailable".to_owned(), message: "error reading from server: EOF".to_owned() }
}

impl Sale<'_> {
    /// A buyer places an order and reads what it needs to know.
    pub(super) fn place(&mut self, buyer: u32) {
        let event = self.draw.popular(self.shop.events.len());
        let user = self.draw.below(u64::from(self.shop.users)) as u32;
        let tickets = &self.shop.events[event].tickets;
        let both = tickets.len() > 1 && self.draw.permille(200);
        let chosen: Vec<usize> = if both { tickets.clone() } else { vec![tickets[self.draw.below(tickets.len() as u64) as usize]] };
        let items: Vec<(usize, i64)> = chosen.into_iter().map(|ticket| (ticket, self.draw.between(1, 2) as i64)).collect();
        let state = &mut self.buyers[buyer as usize];
        state.orders += 1;
        let key = OrderKey { buyer, sequence: state.orders };
        let placed = OrderPlaced {
            order: key,
            user: user_name(user).into(),
            event: self.shop.events[event].id.as_str().into(),
            items: items.iter().map(|(ticket, quantity)| (Blob::from(self.shop.tickets[*ticket].kind), *quantity)).collect(),
            due: self.now,
            sent: self.now,
        };
        self.tell(&Event::OrderPlaced(placed));
        let order = Order { key, user, event, items, attempts: 0, seen: None, is_repeated: false };
        self.ask_basket(buyer, Box::new(order));
    }

    fn ask_basket(&mut self, buyer: u32, order: Box<Order>) {
        let request = Request::Txn(Txn { success: self.reads(&order), ..Txn::default() });
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.call(buyer, Purpose::Purchase, &[], request, Asked::Basket);
    }

    /// The reads of everything that an order is decided by.
    fn reads(&self, order: &Order) -> Vec<TxnOp> {
        let tickets = order.items.iter().map(|(ticket, _)| self.shop.tickets[*ticket].key.clone());
        let others = [self.shop.events[order.event].key.clone(), self.shop.purchase_key(order.user, order.event)];
        tickets.chain(others).map(|key| TxnOp::Range(Range { key, ..Range::default() })).collect()
    }

    /// The reads are answered: what is there now.
    pub(super) fn read_basket(&mut self, buyer: u32, member: MemberIndex) -> CallOutcome {
        let responses = self.basket(buyer);
        self.answer(member, self.cluster.revision, AnswerBody::Txn { succeeded: true, responses })
    }

    fn basket(&mut self, buyer: u32) -> Vec<TxnAnswer> {
        let Activity::Order(order) = &mut self.buyers[buyer as usize].activity else { return Vec::new() };
        let (shop, revision) = (&self.shop, self.cluster.revision);
        let event = &shop.events[order.event];
        let purchase = shop.purchases.get(&(order.user, order.event as u32));
        let tickets = order.items.iter().map(|(ticket, _)| &shop.tickets[*ticket]);
        order.seen = Some(Seen {
            tickets: tickets.clone().map(|ticket| (ticket.current, ticket.kv.mod_revision)).collect(),
            event: (event.record.current_quantity, event.kv.mod_revision),
            purchase: purchase.cloned(),
        });
        let kvs = tickets.map(|ticket| Some(&ticket.kv)).chain([Some(&event.kv), purchase]);
        kvs.map(|kv| TxnAnswer { revision, body: TxnAnswerBody::Range(found(kv)) }).collect()
    }

    /// The buyer knows the stock and decides.
    pub(super) fn decide(&mut self, buyer: u32, mut order: Box<Order>) {
        let Some(seen) = &order.seen else { return self.close_order(buyer, &order, OrderOutcome::Unknown, Cents(0)) };
        let enough = order.items.iter().zip(&seen.tickets).all(|((_, quantity), (left, _))| left >= quantity);
        let oversells = !enough && self.wants(Plant::Oversell);
        if !enough && !oversells {
            return self.close_order(buyer, &order, OrderOutcome::SoldOut, Cents(0));
        }
        if enough && self.wants(Plant::FalseRefusal) {
            self.planted = true;
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
        let fate = self.fate();
        let mut write = self.write(&order, seen.clone());
        match fate {
            Fate::RefusedButApplied => write.plants = Some(Plant::RefusedButApplied),
            Fate::AnsweredNotApplied => write.plants = Some(Plant::LostOrder),
            Fate::WrongBranch => {
                // A guard on the revision before the last cannot hold.
                let before = self.shop.tickets[write.tickets[0].0].before.as_ref();
                if let Some((_, kv)) = before {
                    write.tickets[0].3 = kv.mod_revision;
                }
                write.plants = Some(Plant::WrongBranch);
            }
            Fate::UnknownApplied if order.is_repeated || self.wants(Plant::DuplicateOrder) => {}
            _ if oversells => write.plants = Some(Plant::Oversell),
            _ => {}
        }
        if order.is_repeated {
            write.plants = Some(Plant::DuplicateOrder);
        }
        self.planting |= write.plants.is_some();
        let request = self.request(&order, &write);
        let orders = [order.key];
        self.buyers[buyer as usize].activity = Activity::Order(order);
        self.call(buyer, Purpose::Purchase, &orders, request, Asked::Purchase(write, fate));
    }

    fn fate(&mut self) -> Fate {
        let planted = [
            (Plant::RefusedButApplied, Fate::RefusedButApplied),
            (Plant::LostOrder, Fate::AnsweredNotApplied),
            (Plant::WrongBranch, Fate::WrongBranch),
            (Plant::DuplicateOrder, Fate::UnknownApplied),
        ];
        if let Some((_, fate)) = planted.into_iter().find(|(plant, _)| self.wants(*plant)) {
            return fate;
        }
        match self.draw.below(500) {
            0 => Fate::UnknownApplied,
            1 => Fate::UnknownNotApplied,
            2 => Fate::UnknownLate,
            3 => Fate::Refused,
            _ => Fate::Answered,
        }
    }

    /// What an order writes, computed from what its buyer has seen; or something wrong, when that is to be planted.
    fn write(&mut self, order: &Order, mut seen: Seen) -> Write {
        let id = |sequence| OrderId { run: self.run_tag().into(), key: OrderKey { buyer: order.key.buyer, sequence } }.to_string();
        let (first, wanted) = order.items[0];
        let spare = seen.tickets[0].0 > wanted;
        let mut quantities: Vec<i64> = order.items.iter().map(|(_, quantity)| *quantity).collect();
        let mut taken = quantities.clone();
        let mut plants = None;
        let mut event_lowered = true;
        let before = self.shop.tickets[first].before.as_ref().map_or(0, |(before, _)| *before);
        if before > seen.tickets[0].0 && self.wants(Plant::LostUpdate) {
            seen.event.0 += before - seen.tickets[0].0;
            seen.tickets[0].0 = before;
            plants = Some(Plant::LostUpdate);
        } else if self.wants(Plant::EventCounter) {
            event_lowered = false;
            plants = Some(Plant::EventCounter);
        } else if let Some(plant) =
            [Plant::VanishedTicket, Plant::PhantomOrder, Plant::AlteredOrder].into_iter().find(|plant| spare && self.wants(*plant))
        {
            taken[0] += 1;
            quantities[0] += i64::from(plant == Plant::AlteredOrder);
            plants = Some(plant);
        }
        let line = |(ticket, quantity): (usize, i64)| {
            let state = &self.shop.tickets[ticket];
            PurchasedTicket { kind: state.kind.to_owned(), quantity, price: Some(state.price) }
        };
        let lines = order.items.iter().zip(&quantities).map(|((ticket, _), quantity)| line((*ticket, *quantity))).collect();
        let mut purchase = append(seen.purchase.as_ref(), id(order.key.sequence), lines);
        if plants == Some(Plant::PhantomOrder) {
            let before = KeyValue { value: purchase, ..KeyValue::default() };
            purchase = append(Some(&before), id(order.key.sequence + PHANTOM), vec![line((first, 1))]);
        }
        let paid = order.items.iter().map(|(ticket, quantity)| self.shop.tickets[*ticket].price.times(*quantity)).sum::<i128>();
        let tickets = order.items.iter().zip(&taken).zip(&seen.tickets).map(|(((ticket, _), taken), (left, revision))| {
            let after = left - taken;
            (*ticket, after, self.shop.ticket_value(*ticket, after), *revision)
        });
        let tickets = tickets.collect();
        let event_after = seen.event.0 - if event_lowered { taken.iter().sum::<i64>() } else { 0 };
        Write {
            user: order.user,
            event: order.event,
            tickets,
            event_after: (event_after, self.shop.event_value(order.event, event_after), seen.event.1),
            purchase: (purchase, seen.purchase.map_or(0, |kv| kv.mod_revision)),
            paid: Cents(i64::try_from(paid).unwrap_or(0)),
            is_guarded: plants != Some(Plant::LostUpdate),
            plants,
        }
    }

    /// The transaction as it is sent.
    fn request(&self, order: &Order, write: &Write) -> Request {
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

    /// The transaction takes effect, or does not.
    pub(super) fn purchase(&mut self, buyer: u32, member: MemberIndex, write: Write, fate: Fate) -> CallOutcome {
        if self.wants(Plant::UnauthoredWrite) {
            self.planted = true;
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
                (self.planted, self.planting) = (true, false);
                let revision = self.cluster.revision + 1;
                self.sold(member, revision, &write)
            }
            Fate::WrongBranch if holds => {
                // The ticket had not been sold before: then it is the right branch, and the next order must do.
                self.planting = false;
                let write = Write { plants: None, ..write };
                self.carry_out(write.clone());
                self.sold(member, self.cluster.revision, &write)
            }
            _ if holds || fate == Fate::WrongBranch => {
                self.carry_out(write.clone());
                self.sold(member, self.cluster.revision, &write)
            }
            _ => {
                self.give_up_planting(&write);
                let responses = self.basket(buyer);
                self.answer(member, self.cluster.revision, AnswerBody::Txn { succeeded: false, responses })
            }
        }
    }

    fn give_up_planting(&mut self, write: &Write) {
        if write.plants.is_some() {
            self.planting = false;
        }
    }

    fn sold(&self, member: MemberIndex, revision: Revision, write: &Write) -> CallOutcome {
        let responses = vec![TxnAnswer { revision, body: TxnAnswerBody::Put }; write.tickets.len() + 2];
        self.answer(member, revision, AnswerBody::Txn { succeeded: true, responses })
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

    fn carry_out(&mut self, write: Write) {
        if write.plants.is_some() {
            (self.planted, self.planting) = (true, false);
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

    /// Whether the order is among its user's purchases: sent again it is there twice.
    fn was_carried_out(&self, order: &Order) -> bool {
        let id = OrderId { run: self.run_tag().into(), key: order.key }.to_string();
        let purchases = self.shop.purchases.get(&(order.user, order.event as u32)).and_then(|kv| kv.value.as_str());
        purchases.is_some_and(|purchases| purchases.contains(&format!("\"{id}\"")))
    }

    /// The answer to a call of an order arrived: what its buyer does next.
    pub(super) fn continue_order(&mut self, buyer: u32, mut order: Box<Order>, asked: Asked, outcome: CallOutcome) {
        let (write, answer) = match (asked, outcome) {
            (Asked::Purchase(write, _), CallOutcome::Ok(answer)) => (write, answer),
            (_, CallOutcome::Ok(_)) => return self.decide(buyer, order),
            (Asked::Purchase(..), CallOutcome::Unknown { .. }) => {
                if self.wants(Plant::DuplicateOrder) && !order.is_repeated && self.was_carried_out(&order) {
                    order.is_repeated = true;
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
            self.made.sold += 1;
            let mut paid = write.paid;
            if self.wants(Plant::WrongReceipt) {
                (self.planted, paid) = (true, Cents(paid.0 + 1));
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

    fn close_order(&mut self, buyer: u32, order: &Order, outcome: OrderOutcome, paid: Cents) {
        let closed = OrderClosed { order: order.key, done: self.now, outcome, paid, attempts: order.attempts };
        self.tell(&Event::OrderClosed(closed));
        self.rest(buyer);
    }
}

fn refused() -> CallOutcome {
    CallOutcome::Refused { code: "Unavailable".to_owned(), message: "tcp connect error".to_owned() }
}

/// A key that is about to be written for the first time.
pub(super) fn created(key: Blob, revision: Revision) -> KeyValue {
    KeyValue { key, create_revision: revision, ..KeyValue::default() }
}

/// A key is written.
pub(super) fn renew(kv: &mut KeyValue, value: Blob, revision: Revision) {
    (kv.value, kv.mod_revision) = (value, revision);
    kv.version += 1;
    if kv.create_revision == 0 {
        kv.create_revision = revision;
    }
}
