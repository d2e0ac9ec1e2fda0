//! A small shop on the simulated cluster, operated step by step. What its buyers do is one file for each stock layout.

mod holds;
mod locks;
mod members;
mod orders;
mod seed;
mod shape;
mod shards;
mod transact;

use std::collections::BTreeMap;

pub use self::holds::HeldOrder;
pub use self::locks::LockHolder;
pub use self::orders::Basket;
pub use self::shape::{Shape, run_info};
pub use crate::cluster::RequestOutcome;
use crate::cluster::{Cluster, RETAINED};
use crate::shop::json;
use ticketcd_history::annotation::{OrderClosed, OrderOutcome, Purpose};
use ticketcd_history::audit::AuditStage;
use ticketcd_history::event::{Ended, Event, MemberChange, MemberEvent, Phase, PhaseBegan, WorkerClosed};
use ticketcd_history::request::{AnswerBody, Put, Range, Request, Sort, SortOrder, SortTarget};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, Nanos, OrderKey, Revision};
use ticketcd_judge::model::records::Ticket;
use ticketcd_judge::model::{Cents, Keyspace};

/// The price of every simulated ticket.
const PRICE: Cents = Cents(4_990);

/// The worker that seeds, opens, releases and settles; buyers are workers by their own numbers.
const SEEDER: u32 = 1_000_000;

/// What was ordered: user, event, items.
type OrderRequest = (String, String, Vec<(String, i64)>);

/// A synthetic record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its `run.json`.
    pub info: RunInfo,
    /// The events.
    pub events: Vec<Event>,
}

/// A shop on a cluster that keeps its promises, except where a method documents otherwise.
#[derive(Debug)]
pub struct Simulation {
    info: RunInfo,
    keys: Keyspace,
    events: Vec<Event>,
    now: Nanos,
    cluster: Cluster,
    call_counts: BTreeMap<u32, u32>,
    order_counts: BTreeMap<u32, u32>,
    faults: u32,
    /// What each order is for.
    requests: BTreeMap<OrderKey, OrderRequest>,
}

impl Simulation {
    /// A seeded shop, with a collector on every member.
    pub fn new(shape: &Shape) -> Self {
        Self::of(run_info(shape), shape)
    }

    /// The same with another `run.json`.
    pub(crate) fn of(info: RunInfo, shape: &Shape) -> Self {
        let mut simulation = Self {
            keys: Keyspace::new(info.prefix.as_str()),
            events: Vec::new(),
            now: 0,
            cluster: Cluster::new(shape.members, info.seed, RETAINED),
            call_counts: BTreeMap::new(),
            order_counts: BTreeMap::new(),
            faults: 0,
            requests: BTreeMap::new(),
            info,
        };
        for member in simulation.cluster.indices() {
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
        self.cluster.revision()
    }

    /// Now, on the simulated clock.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// A phase begins.
    pub fn phase(&mut self, phase: Phase) {
        self.record(|at| Event::Phase(PhaseBegan { at, phase }));
    }

    /// Time passes.
    pub fn wait(&mut self, span: Nanos) {
        self.now += span;
    }

    /// One write of several keys (`None` deletes) that no request asked for, delivered by every member that can.
    pub fn write(&mut self, writes: Vec<(Blob, Option<Blob>)>) -> Revision {
        let put = |key: &Blob, value| Put { key: key.clone(), value, ..Put::default() };
        let writes = writes.into_iter().map(|(key, value)| (key.clone(), value.map(|value| put(&key, value)))).collect();
        let revision = self.cluster.write(writes);
        self.deliver_all();
        revision
    }

    /// The current value of a key.
    pub fn value(&self, key: &Blob) -> Option<&Blob> {
        self.cluster.get(key).map(|kv| &kv.value)
    }

    /// How many tickets of a type there are in all.
    pub(crate) fn total(&self, event: &str, kind: &str) -> i64 {
        let ticket = self.value(&self.keys.ticket(event, kind)).and_then(|value| serde_json::from_slice::<Ticket>(value.as_bytes()).ok());
        ticket.map_or(0, |ticket| ticket.total_quantity)
    }

    /// Changes the ticket's record by force: a write that no buyer asked for.
    pub fn force_ticket(&mut self, event: &str, kind: &str, change: impl FnOnce(&mut Ticket)) -> Revision {
        let key = self.keys.ticket(event, kind);
        let mut ticket: Ticket =
            self.value(&key).and_then(|value| serde_json::from_slice(value.as_bytes()).ok()).expect("the ticket exists");
        change(&mut ticket);
        self.write(vec![(key, Some(json(&ticket)))])
    }

    /// The events since the last call, for callers that do not keep the record.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Nothing more will be done with an order.
    pub(crate) fn forget(&mut self, order: OrderKey) {
        self.requests.remove(&order);
    }

    /// The drain, both audits, and the end of the record.
    pub fn finish(mut self) -> Record {
        self.end();
        Record { info: self.info, events: self.events }
    }

    /// Lists the last keys of the shop, and receives the first two of them in the wrong order.
    pub(crate) fn list_in_wrong_order(&mut self, worker: u32) {
        let everything = Blob::from(&[0][..]);
        let sort = Sort { order: SortOrder::Descend, target: SortTarget::Key };
        let request = Request::Range(Range { key: everything.clone(), range_end: everything, limit: 5, sort, ..Range::default() });
        let id = self.invoke(worker, Purpose::Search, Vec::new(), request.clone());
        let (revision, mut body) = self.execute(&request);
        if let AnswerBody::Range(range) = &mut body
            && range.kvs.len() > 1
        {
            range.kvs.swap(0, 1);
        }
        self.answer(id, revision, body);
    }

    /// The same as [`Simulation::finish`], for callers that take the events.
    pub(crate) fn end(&mut self) {
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
    }

    /// The record as it is when the harness is killed now.
    pub fn cut(self) -> Record {
        Record { info: self.info, events: self.events }
    }

    fn close(&mut self, order: OrderKey, outcome: OrderOutcome, paid: Cents, attempts: u32) {
        self.record(|done| Event::OrderClosed(OrderClosed { order, done, outcome, paid_cents: paid.0, attempts }));
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
