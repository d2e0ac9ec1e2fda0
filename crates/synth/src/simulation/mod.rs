//! A small shop on a simulated cluster: what its buyers do is one file for each way of keeping the stock.

mod cluster;
mod holds;
mod leases;
mod orders;
mod seed;
mod shape;
mod shards;
mod transact;

use std::collections::BTreeMap;

pub use self::holds::HeldOrder;
use self::leases::Lease;
pub use self::leases::LockHolder;
pub use self::orders::Basket;
pub use self::shape::{Shape, run_info};
use self::transact::Change;
use super::cluster::Cluster;
use ticketcd_history::annotation::{OrderClosed, OrderOutcome};
use ticketcd_history::audit::AuditStage;
use ticketcd_history::event::{Ended, Event, MemberChange, MemberEvent, Phase, PhaseBegan, WorkerClosed};
use ticketcd_history::request::KeyValue;
use ticketcd_history::run_info::RunInfo;
use ticketcd_judge::model::records::Ticket;
use ticketcd_judge::model::{Blob, Cents, Keyspace, Nanos, OrderKey, Revision};

/// The price of every simulated ticket.
const PRICE: Cents = Cents(4_990);

/// The worker that seeds, opens, releases and settles; buyers are workers by their own numbers.
const SEEDER: u32 = 1_000_000;

/// What an order wants: user, event, items.
type Wish = (String, String, Vec<(String, i64)>);

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
    cluster: Cluster,
    store: BTreeMap<Blob, KeyValue>,
    call_counts: BTreeMap<u32, u32>,
    order_counts: BTreeMap<u32, u32>,
    faults: u32,
    /// What each order wanted.
    wishes: BTreeMap<OrderKey, Wish>,
    leases: BTreeMap<i64, Lease>,
    next_lease: i64,
    raft_term: u64,
}

impl Simulation {
    /// A seeded shop, with a collector on every member.
    pub fn new(shape: &Shape) -> Self {
        Self::of(run_info(shape), shape)
    }

    /// The same for a run of which `run.json` says something else.
    pub(super) fn of(info: RunInfo, shape: &Shape) -> Self {
        let mut simulation = Self {
            keys: Keyspace::new(info.prefix.as_str()),
            info,
            events: Vec::new(),
            now: 0,
            cluster: Cluster::new(shape.members),
            store: BTreeMap::new(),
            call_counts: BTreeMap::new(),
            order_counts: BTreeMap::new(),
            faults: 0,
            wishes: BTreeMap::new(),
            leases: BTreeMap::new(),
            next_lease: 1,
            raft_term: 2,
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
        self.cluster.revision
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

    /// One write of several keys (`None` deletes), delivered by every member that can: nobody asked for it.
    pub fn write(&mut self, writes: Vec<(Blob, Option<Blob>)>) -> Revision {
        self.apply(writes.into_iter().map(|(key, value)| Change { key, value, lease: 0 }).collect())
    }

    /// The value of a key as it is now.
    pub fn value(&self, key: &Blob) -> Option<&Blob> {
        self.store.get(key).map(|kv| &kv.value)
    }

    /// How many tickets of a type there are in all.
    pub(super) fn total(&self, event: &str, kind: &str) -> i64 {
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

    /// What was recorded since the last time, for those who do not want to keep it.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Nothing more will be done with an order.
    pub(super) fn forget(&mut self, order: OrderKey) {
        self.wishes.remove(&order);
    }

    /// The drain, both audits, and the end of the record.
    pub fn finish(mut self) -> Record {
        self.end();
        Record { info: self.info, events: self.events }
    }

    /// The same, for those who take the events.
    pub(super) fn end(&mut self) {
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

fn json(value: &impl serde::Serialize) -> Blob {
    serde_json::to_vec(value).expect("records of the shop can be written").into()
}
