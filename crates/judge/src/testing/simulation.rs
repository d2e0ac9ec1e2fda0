//! A small shop on a simulated cluster.

use std::collections::BTreeMap;

use super::shape::{Shape, member_id, run_info};
use crate::history::audit::{AuditClosed, AuditFacts, AuditPage, AuditStage, AuditStatus};
use crate::history::call::{CallId, CallOutcome, Invoke, OrderClosed, OrderOutcome, OrderPlaced, Purpose, Return};
use crate::history::event::{
    Ended, Event, FaultEvent, FaultStage, MemberChange, MemberEvent, MemberSample, MemberStatus, Phase, PhaseBegan, WatchBatch, WatchBody,
    WatchClosed, WatchEvent, WatchOpened, WatchRole, WorkerClosed,
};
use crate::history::request::{
    Answer, AnswerBody, Guard, GuardTarget, KeyValue, Put, Range, RangeAnswer, Relation, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp,
};
use crate::history::run_info::RunInfo;
use crate::model::records::{EventRecord, Purchase, PurchasedTicket, Ticket, parse_purchases};
use crate::model::{Blob, Cents, Keyspace, MemberIndex, Nanos, OrderKey, Revision};

/// The price of every simulated ticket.
const PRICE: Cents = Cents(4_990);

/// The worker that seeds; buyers are workers by their own numbers.
const SEEDER: u32 = 1_000_000;

/// What becomes of the transaction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It is carried out, but the answer is lost.
    UnknownApplied,
    /// It is lost on its way; the buyer cannot tell.
    UnknownNotApplied,
    /// It is refused for good.
    Refused,
    /// It is refused for good, and carried out all the same: a broken promise of etcd.
    RefusedButApplied,
    /// It is answered, but nothing is written: a broken promise of etcd.
    AnsweredNotApplied,
    /// The record ends for this buyer before an answer comes.
    NeverEnded,
}

/// What a buyer has seen when it decides.
#[derive(Clone, Debug)]
pub struct Basket {
    /// The order.
    pub order: OrderKey,
    user: String,
    event: String,
    items: Vec<(String, i64)>,
    seen: BTreeMap<Blob, Option<KeyValue>>,
}

/// A record that was made up.
#[derive(Clone, Debug)]
pub struct Record {
    /// What `run.json` says.
    pub info: RunInfo,
    /// The events.
    pub events: Vec<Event>,
}

/// A shop that sells on a cluster that keeps its promises, unless told to break one.
#[derive(Debug)]
pub struct Simulation {
    info: RunInfo,
    keys: Keyspace,
    events: Vec<Event>,
    now: Nanos,
    revision: Revision,
    store: BTreeMap<Blob, KeyValue>,
    log: Vec<(Revision, Vec<WatchEvent>)>,
    members: Vec<Member>,
    next_subscription: u32,
    call_counts: BTreeMap<u32, u32>,
    order_counts: BTreeMap<u32, u32>,
    faults: u32,
}

#[derive(Debug)]
struct Member {
    subscription: u32,
    /// How much of the log it delivered, in entries.
    delivered: usize,
    reachable: bool,
    incarnation: u32,
}

impl Simulation {
    /// A seeded shop, with a collector on every member.
    pub fn new(shape: &Shape) -> Self {
        let info = run_info(shape);
        let mut simulation = Self {
            keys: Keyspace::new(info.prefix.as_str()),
            info,
            events: Vec::new(),
            now: 0,
            revision: 1,
            store: BTreeMap::new(),
            log: Vec::new(),
            members: Vec::new(),
            next_subscription: 0,
            call_counts: BTreeMap::new(),
            order_counts: BTreeMap::new(),
            faults: 0,
        };
        for member in 0..shape.members {
            let member = MemberIndex(member);
            simulation.members.push(Member { subscription: 0, delivered: 0, reachable: true, incarnation: 1 });
            simulation.record(|at| Event::Member(MemberEvent { member, at, change: MemberChange::Started { incarnation: 1, pid: 100 } }));
            simulation.subscribe(member);
        }
        simulation.phase(Phase::Seed);
        simulation.seed(shape);
        simulation.phase(Phase::Steady);
        simulation
    }

    /// The shop's keys.
    pub fn keys(&self) -> &Keyspace {
        &self.keys
    }

    /// The revision of the last write.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Now, on the simulated clock.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// A phase begins.
    pub fn phase(&mut self, phase: Phase) {
        self.record(|at| Event::Phase(PhaseBegan { at, phase }));
    }

    /// An order, bought safely: read, decide, one guarded transaction.
    pub fn buy(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)], fate: Fate) -> OrderKey {
        match self.read(buyer, user, event, items) {
            Ok(basket) => self.commit(basket, true, fate),
            Err(order) => order,
        }
    }

    /// The first half of an order: it is placed and the stock is read. `Err` with the order when it is sold out.
    pub fn read(&mut self, buyer: u32, user: &str, event: &str, items: &[(&str, i64)]) -> Result<Basket, OrderKey> {
        let count = self.order_counts.entry(buyer).or_default();
        *count += 1;
        let order = OrderKey { buyer, sequence: *count };
        let sent = self.tick();
        self.events.push(Event::OrderPlaced(OrderPlaced {
            order,
            user: user.into(),
            event: event.into(),
            items: items.iter().map(|(kind, quantity)| (Blob::from(*kind), *quantity)).collect(),
            due: sent,
            sent,
        }));
        let mut wanted: Vec<Blob> = items.iter().map(|(kind, _)| self.keys.ticket(event, kind)).collect();
        wanted.push(self.keys.event(event));
        wanted.push(self.keys.purchase(user, event));
        let range = |key: &Blob| TxnOp::Range(Range { key: key.clone(), ..Range::default() });
        let request = Request::Txn(Txn { success: wanted.iter().map(range).collect(), ..Txn::default() });
        let id = self.invoke(buyer, Purpose::Purchase, vec![order], request);
        let responses = wanted.iter().map(|key| self.range_answer(key)).collect();
        self.answer(id, self.revision, AnswerBody::Txn { succeeded: true, responses });

        let seen: BTreeMap<Blob, Option<KeyValue>> = wanted.iter().map(|key| (key.clone(), self.store.get(key).cloned())).collect();
        let basket = Basket {
            order,
            user: user.to_owned(),
            event: event.to_owned(),
            items: items.iter().map(|(kind, quantity)| ((*kind).to_owned(), *quantity)).collect(),
            seen,
        };
        let enough = basket.items.iter().all(|(kind, quantity)| {
            basket.record::<Ticket>(&self.keys.ticket(event, kind)).is_some_and(|ticket| ticket.current_quantity >= *quantity)
        });
        if enough {
            Ok(basket)
        } else {
            self.close(order, OrderOutcome::SoldOut, Cents(0), 0);
            Err(order)
        }
    }

    /// The second half of an order: what was decided is written, guarded by what was seen or, naively, not.
    pub fn commit(&mut self, basket: Basket, guarded: bool, fate: Fate) -> OrderKey {
        let order = basket.order;
        let puts = basket.puts(&self.keys, &self.info.run_tag);
        let guard = |(key, seen): (&Blob, &Option<KeyValue>)| Guard {
            key: key.clone(),
            range_end: Blob::default(),
            target: GuardTarget::ModRevision(seen.as_ref().map_or(0, |kv| kv.mod_revision)),
            relation: Relation::Equal,
        };
        let guards = if guarded { basket.seen.iter().map(guard).collect() } else { Vec::new() };
        let put = |(key, value): &(Blob, Blob)| TxnOp::Put(Put { key: key.clone(), value: value.clone(), lease: 0 });
        let failure = basket.seen.keys().map(|key| TxnOp::Range(Range { key: key.clone(), ..Range::default() })).collect();
        let request = Request::Txn(Txn { guards, success: puts.iter().map(put).collect(), failure });
        let id = self.invoke(order.buyer, Purpose::Purchase, vec![order], request);

        let unchanged = |(key, seen): (&Blob, &Option<KeyValue>)| self.store.get(key) == seen.as_ref();
        let holds = !guarded || basket.seen.iter().all(unchanged);
        let applied = holds && !matches!(fate, Fate::UnknownNotApplied | Fate::Refused | Fate::AnsweredNotApplied);
        if applied {
            self.write(puts.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect());
        }
        let error = |message: &str| ("Unavailable".to_owned(), message.to_owned());
        let (outcome, paid) = match fate {
            Fate::Answered | Fate::AnsweredNotApplied if holds => {
                let revision = if applied { self.revision } else { self.revision + 1 };
                let responses = puts.iter().map(|_| TxnAnswer { revision, body: TxnAnswerBody::Put }).collect();
                self.answer(id, revision, AnswerBody::Txn { succeeded: true, responses });
                let cents: i128 = basket.items.iter().map(|(_, quantity)| PRICE.times(*quantity)).sum();
                (OrderOutcome::Sold { revision }, Cents(i64::try_from(cents).unwrap_or(0)))
            }
            Fate::Answered | Fate::AnsweredNotApplied => {
                let responses = basket.seen.keys().map(|key| self.range_answer(key)).collect();
                self.answer(id, self.revision, AnswerBody::Txn { succeeded: false, responses });
                (OrderOutcome::Conflict, Cents(0))
            }
            Fate::UnknownApplied | Fate::UnknownNotApplied => {
                let (code, message) = error("etcdserver: request timed out");
                self.end_call(id, CallOutcome::Unknown { code, message });
                (OrderOutcome::Unknown, Cents(0))
            }
            Fate::Refused | Fate::RefusedButApplied => {
                let (code, message) = error("tcp connect error");
                self.end_call(id, CallOutcome::Refused { code, message });
                (OrderOutcome::Rejected { reason: "refused".to_owned() }, Cents(0))
            }
            Fate::NeverEnded => return order,
        };
        self.close(order, outcome, paid, 1);
        order
    }

    /// One write of several keys (`None` deletes), delivered by every member that can: nobody asked for it.
    pub fn write(&mut self, writes: Vec<(Blob, Option<Blob>)>) -> Revision {
        self.revision += 1;
        let revision = self.revision;
        let mut events = Vec::new();
        for (key, value) in writes {
            let before = self.store.remove(&key);
            let Some(value) = value else {
                events.push(WatchEvent { deleted: true, kv: KeyValue { key, mod_revision: revision, ..KeyValue::default() } });
                continue;
            };
            let create_revision = before.as_ref().map_or(revision, |kv| kv.create_revision);
            let version = before.as_ref().map_or(1, |kv| kv.version + 1);
            let kv = KeyValue { key: key.clone(), value, create_revision, mod_revision: revision, version, lease: 0 };
            self.store.insert(key, kv.clone());
            events.push(WatchEvent { deleted: false, kv });
        }
        self.log.push((revision, events));
        for member in 0..self.members.len() {
            self.deliver(member);
        }
        revision
    }

    /// The value of a key as it is now.
    pub fn value(&self, key: &Blob) -> Option<&Blob> {
        self.store.get(key).map(|kv| &kv.value)
    }

    /// Changes the ticket's record by force: a write that no buyer asked for.
    pub fn force_ticket(&mut self, event: &str, kind: &str, change: impl FnOnce(&mut Ticket)) -> Revision {
        let key = self.keys.ticket(event, kind);
        let mut ticket: Ticket =
            self.value(&key).and_then(|value| serde_json::from_slice(value.as_bytes()).ok()).expect("the ticket exists");
        change(&mut ticket);
        self.write(vec![(key, Some(json(&ticket)))])
    }

    /// A fault hits a member: it delivers nothing until the fault is healed.
    pub fn inject(&mut self, kind: &str, member: MemberIndex) -> u32 {
        let fault = self.faults;
        self.faults += 1;
        let planned = FaultStage::Planned { kind: kind.to_owned(), target: member.name(), due: 0, survivable: true };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage: planned }));
        let injected = FaultStage::Injected { members: vec![member], what: format!("{kind} of {}", member.name()) };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage: injected }));
        self.members[member.index()].reachable = false;
        let subscription = self.members[member.index()].subscription;
        self.record(|at| Event::WatchClosed(WatchClosed { subscription, at, reason: "the stream broke".to_owned() }));
        if kind == "kill" {
            let change = MemberChange::Exited { status: "signal 9".to_owned(), expected: true };
            self.record(|at| Event::Member(MemberEvent { member, at, change }));
        }
        fault
    }

    /// The fault is healed: the member delivers what it missed to a new watch.
    pub fn heal(&mut self, fault: u32, member: MemberIndex) {
        let state = &mut self.members[member.index()];
        state.reachable = true;
        state.incarnation += 1;
        let change = MemberChange::Started { incarnation: state.incarnation, pid: 200 };
        self.record(|at| Event::Member(MemberEvent { member, at, change }));
        self.subscribe(member);
        self.deliver(member.index());
        let stage = FaultStage::Healed { what: format!("{} answers again", member.name()) };
        self.record(|at| Event::Fault(FaultEvent { fault, at, stage }));
    }

    /// Every member is asked how it is; those that are unreachable do not answer.
    pub fn sample(&mut self) {
        for index in 0..self.members.len() {
            let member = MemberIndex(index as u8);
            let status = self.members[index].reachable.then(|| MemberStatus {
                member_id: member_id(member),
                leader_id: member_id(MemberIndex(0)),
                raft_term: 2,
                applied_index: self.applied_index(),
                revision: self.revision,
                database_bytes: 1 << 20,
                errors: Vec::new(),
            });
            self.record(|at| Event::Sample(MemberSample { member, at, status }));
        }
    }

    /// Every member's content, in two pages, and its position.
    pub fn audit(&mut self, stage: AuditStage) {
        let kvs: Vec<KeyValue> = self.store.values().cloned().collect();
        let half = kvs.len() / 2;
        for index in 0..self.members.len() {
            let member = MemberIndex(index as u8);
            for page in [&kvs[..half], &kvs[half..]] {
                self.events.push(Event::AuditPage(AuditPage { stage, member, revision: self.revision, kvs: page.to_vec() }));
            }
            let status = AuditStatus { applied_index: self.applied_index(), revision: self.revision, hash: 0x5eed, compact_revision: 0 };
            let facts = AuditFacts { before: status.clone(), after: status, leases: Vec::new() };
            self.record(|at| Event::AuditClosed(AuditClosed { stage, member, at, outcome: Ok(facts) }));
        }
    }

    /// The drain, both audits, and the end of the record.
    pub fn finish(mut self) -> Record {
        self.phase(Phase::Drain);
        let workers: Vec<(u32, u32)> = self.call_counts.iter().map(|(worker, count)| (*worker, *count)).collect();
        for (worker, last_sequence) in workers {
            self.events.push(Event::WorkerClosed(WorkerClosed { worker, last_sequence }));
        }
        self.phase(Phase::Audit);
        self.sample();
        self.audit(AuditStage::Healed);
        self.audit(AuditStage::Restarted);
        self.sample();
        self.record(|at| Event::Ended(Ended { at, interrupted: false }));
        Record { info: self.info, events: self.events }
    }

    /// The record as it is when the harness is killed now.
    pub fn cut(self) -> Record {
        Record { info: self.info, events: self.events }
    }

    fn seed(&mut self, shape: &Shape) {
        for number in 1..=shape.events {
            let event = format!("e{number}");
            let ticket = Ticket { total_quantity: shape.stock, current_quantity: shape.stock, price: PRICE };
            let current_quantity = shape.stock * shape.kinds.len() as i64;
            let record = EventRecord {
                name: format!("Concert {number}"),
                description: "An evening".to_owned(),
                location: "Athens".to_owned(),
                kind: if number % 2 == 0 { "theatre" } else { "concert" }.to_owned(),
                date: "01-05-2026 20:00".to_owned(),
                current_quantity,
            };
            // Two batches an event: for a moment the event is there without its tickets.
            let tickets = shape.kinds.iter().map(|kind| (self.keys.ticket(&event, kind), json(&ticket))).collect();
            for batch in [vec![(self.keys.event(&event), json(&record))], tickets] {
                self.seed_batch(batch);
            }
        }
    }

    fn seed_batch(&mut self, batch: Vec<(Blob, Blob)>) {
        let put = |(key, value): &(Blob, Blob)| TxnOp::Put(Put { key: key.clone(), value: value.clone(), lease: 0 });
        let request = Request::Txn(Txn { success: batch.iter().map(put).collect(), ..Txn::default() });
        let id = self.invoke(SEEDER, Purpose::Seed, Vec::new(), request);
        let writes = batch.len();
        let revision = self.write(batch.into_iter().map(|(key, value)| (key, Some(value))).collect());
        let responses = vec![TxnAnswer { revision, body: TxnAnswerBody::Put }; writes];
        self.answer(id, revision, AnswerBody::Txn { succeeded: true, responses });
    }

    fn invoke(&mut self, worker: u32, purpose: Purpose, orders: Vec<OrderKey>, request: Request) -> CallId {
        let count = self.call_counts.entry(worker).or_default();
        *count += 1;
        let id = CallId { worker, sequence: *count };
        let sent = self.tick();
        let member = self.serving_member();
        self.events.push(Event::Invoke(Invoke { id, member, sent, purpose, orders, request }));
        id
    }

    fn answer(&mut self, id: CallId, revision: Revision, body: AnswerBody) {
        let member_id = member_id(self.serving_member());
        self.end_call(id, CallOutcome::Ok(Answer { member_id, revision, raft_term: 2, body }));
    }

    fn end_call(&mut self, id: CallId, outcome: CallOutcome) {
        let done = self.tick();
        self.events.push(Event::Return(Return { id, done, outcome }));
    }

    fn close(&mut self, order: OrderKey, outcome: OrderOutcome, paid: Cents, attempts: u32) {
        self.record(|done| Event::OrderClosed(OrderClosed { order, done, outcome, paid, attempts }));
    }

    fn range_answer(&self, key: &Blob) -> TxnAnswer {
        let kvs: Vec<KeyValue> = self.store.get(key).cloned().into_iter().collect();
        let count = kvs.len() as i64;
        TxnAnswer { revision: self.revision, body: TxnAnswerBody::Range(RangeAnswer { kvs, more: false, count }) }
    }

    fn subscribe(&mut self, member: MemberIndex) {
        let subscription = self.next_subscription;
        self.next_subscription += 1;
        let state = &mut self.members[member.index()];
        state.subscription = subscription;
        let start_revision = self.log.get(state.delivered).map_or(self.revision + 1, |(revision, _)| *revision).max(1);
        let start_revision = if self.log.is_empty() { 1 } else { start_revision };
        let everything = Blob::from(&[0][..]);
        let (key, range_end) = (everything.clone(), everything);
        self.record(|at| {
            Event::WatchOpened(WatchOpened { subscription, member, role: WatchRole::Collector, key, range_end, start_revision, at })
        });
        let revision = self.revision;
        self.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Created }));
    }

    /// Delivers what a member has not delivered yet.
    fn deliver(&mut self, member: usize) {
        if !self.members[member].reachable || self.members[member].delivered == self.log.len() {
            return;
        }
        let subscription = self.members[member].subscription;
        let events = self.log[self.members[member].delivered..].iter().flat_map(|(_, events)| events.clone()).collect();
        self.members[member].delivered = self.log.len();
        let revision = self.revision;
        self.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Events(events) }));
    }

    fn serving_member(&self) -> MemberIndex {
        MemberIndex(self.members.iter().position(|member| member.reachable).unwrap_or(0) as u8)
    }

    fn applied_index(&self) -> u64 {
        self.revision.unsigned_abs() + 10
    }

    fn record(&mut self, event: impl FnOnce(Nanos) -> Event) {
        let at = self.tick();
        self.events.push(event(at));
    }

    fn tick(&mut self) -> Nanos {
        self.now += 1_000_000;
        self.now
    }
}

impl Basket {
    fn record<Value: serde::de::DeserializeOwned>(&self, key: &Blob) -> Option<Value> {
        let kv = self.seen.get(key)?.as_ref()?;
        serde_json::from_slice(kv.value.as_bytes()).ok()
    }

    /// What the order writes, computed from what was seen.
    fn puts(&self, keys: &Keyspace, run_tag: &str) -> Vec<(Blob, Blob)> {
        let mut puts = Vec::new();
        for (kind, quantity) in &self.items {
            let key = keys.ticket(&self.event, kind);
            if let Some(mut ticket) = self.record::<Ticket>(&key) {
                ticket.current_quantity -= quantity;
                puts.push((key, json(&ticket)));
            }
        }
        let key = keys.event(&self.event);
        if let Some(mut event) = self.record::<EventRecord>(&key) {
            event.current_quantity -= self.items.iter().map(|(_, quantity)| quantity).sum::<i64>();
            puts.push((key, json(&event)));
        }
        let key = keys.purchase(&self.user, &self.event);
        let before = self.seen.get(&key).and_then(Option::as_ref);
        let mut purchases = before.and_then(|kv| parse_purchases(kv.value.as_bytes()).ok()).unwrap_or_default();
        let ticket = |(kind, quantity): &(String, i64)| PurchasedTicket { kind: kind.clone(), quantity: *quantity, price: Some(PRICE) };
        purchases.push(Purchase {
            id: Some(format!("{run_tag}-{}-{}", self.order.buyer, self.order.sequence)),
            date: "01-05-2026 20:00".to_owned(),
            tickets: self.items.iter().map(ticket).collect(),
            cancels: None,
        });
        puts.push((key, json(&purchases)));
        puts
    }
}

fn json(value: &impl serde::Serialize) -> Blob {
    serde_json::to_vec(value).expect("records of the shop can be written").into()
}
