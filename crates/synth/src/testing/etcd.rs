//! A record of requests to the simulated cluster, for the checks of etcd's own promises.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::simulation::{Record, Shape, run_info};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::audit::AuditStage;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::{Ended, Event, MemberChange, MemberEvent};
use ticketcd_history::request::{Answer, KeyValue, Put, Request};
use ticketcd_history::watch::{WatchBatch, WatchBody};
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision};

/// The member with the collector.
const COLLECTED: MemberIndex = MemberIndex(0);

/// A cluster of three members that keeps its promises, with a record of every request. Each call is made by a worker, at the
/// member of the worker's number. One collector delivers every revision at once.
#[derive(Debug)]
pub struct Etcd {
    /// The record so far. Tests edit it to break a promise.
    pub events: Vec<Event>,
    cluster: Cluster,
    now: Nanos,
    calls: BTreeMap<u32, u32>,
}

impl Default for Etcd {
    fn default() -> Self {
        let mut etcd = Self { events: Vec::new(), cluster: Cluster::new(3, 1, usize::MAX), now: 0, calls: BTreeMap::new() };
        for member in [0, 1, 2].map(MemberIndex) {
            etcd.record(|at| Event::Member(MemberEvent { member, at, change: MemberChange::Started { incarnation: 1, pid: 1 } }));
        }
        let at = etcd.tick();
        let (opened, _) = etcd.cluster.subscribe(COLLECTED, at);
        etcd.events.push(Event::WatchOpened(opened));
        etcd
    }
}

impl Etcd {
    /// The revision of the last write.
    pub fn revision(&self) -> Revision {
        self.cluster.revision()
    }

    /// Executes a request and records its response.
    pub fn call(&mut self, worker: u32, request: Request) -> Answer {
        let id = self.invoke(worker, request.clone());
        let (revision, body) = self.execute(&request);
        let outcome = self.cluster.answer(member_of(worker), revision, body);
        self.answer(id, outcome)
    }

    /// Responds to a request that only reads, as a member would that is behind.
    pub fn call_at(&mut self, worker: u32, request: Request, revision: Revision) -> Answer {
        let id = self.invoke(worker, request.clone());
        let (revision, body) = self.cluster.execute_at(&request, revision);
        let outcome = self.cluster.answer(member_of(worker), revision, body);
        self.answer(id, outcome)
    }

    /// A request whose response is lost: it may have been executed.
    pub fn unanswered(&mut self, worker: u32, request: Request, applied: bool) {
        let outcome = CallOutcome::Unknown { code: "Timeout".to_owned(), message: "no response".to_owned() };
        self.without_answer(worker, &request, applied, outcome);
    }

    /// A request that is refused: it must not be executed.
    pub fn refused(&mut self, worker: u32, request: Request, applied: bool) {
        let outcome = CallOutcome::Refused { code: "Unavailable".to_owned(), message: "etcdserver: no leader".to_owned() };
        self.without_answer(worker, &request, applied, outcome);
    }

    /// A lease expires, and its keys are deleted.
    pub fn expire(&mut self, lease: i64) -> Revision {
        self.cluster.end_lease(lease);
        self.deliver();
        self.revision()
    }

    /// Writes that no request asked for; `None` deletes.
    pub fn write(&mut self, writes: Vec<(Blob, Option<Put>)>) -> Revision {
        self.cluster.write(writes);
        self.deliver();
        self.revision()
    }

    /// A key at a revision.
    pub fn key(&self, key: &str, revision: Revision) -> Option<KeyValue> {
        self.cluster.get_at(&key.into(), revision).cloned()
    }

    /// Records an event at the next moment.
    pub fn record(&mut self, event: impl FnOnce(Nanos) -> Event) {
        let at = self.tick();
        self.events.push(event(at));
    }

    /// Time passes.
    pub fn wait(&mut self, span: Nanos) {
        self.now += span;
    }

    /// Edits the last response.
    pub fn edit_answer(&mut self, edit: impl FnOnce(&mut Answer)) {
        let last = self.events.iter_mut().rev().find_map(|event| match event {
            Event::Return(Return { outcome: CallOutcome::Ok(answer), .. }) => Some(answer),
            _ => None,
        });
        if let Some(answer) = last {
            edit(answer);
        }
    }

    /// The last audit, and the end of the record.
    pub fn finish(mut self) -> Record {
        for member in self.cluster.indices() {
            let at = self.tick();
            let facts = self.cluster.audit_facts();
            self.events.push(Event::AuditClosed(self.cluster.audited(AuditStage::Healed, member, at, facts)));
        }
        self.record(|at| Event::Ended(Ended { at, interrupted: false }));
        Record { info: run_info(&Shape::default()), events: self.events }
    }

    fn tick(&mut self) -> Nanos {
        self.now += 1_000_000;
        self.now
    }

    fn invoke(&mut self, worker: u32, request: Request) -> CallId {
        let sequence = self.calls.entry(worker).or_default();
        *sequence += 1;
        let id = CallId { worker, sequence: *sequence };
        let member = member_of(worker);
        self.record(|sent| Event::Invoke(Invoke { id, member, sent, purpose: Purpose::Purchase, orders: Vec::new(), request }));
        id
    }

    fn execute(&mut self, request: &Request) -> (Revision, ticketcd_history::request::AnswerBody) {
        let executed = self.cluster.execute(request, self.now);
        self.deliver();
        executed
    }

    /// The collector delivers what was written.
    fn deliver(&mut self) {
        for (revision, events) in self.cluster.undelivered(COLLECTED) {
            let subscription = self.cluster.member(COLLECTED).subscription;
            self.record(|at| Event::WatchBatch(WatchBatch { subscription, at, revision, body: WatchBody::Events(events) }));
        }
    }

    fn without_answer(&mut self, worker: u32, request: &Request, applied: bool, outcome: CallOutcome) {
        let id = self.invoke(worker, request.clone());
        if applied {
            self.execute(request);
        }
        self.end(id, outcome);
    }

    fn answer(&mut self, id: CallId, outcome: CallOutcome) -> Answer {
        self.end(id, outcome.clone());
        match outcome {
            CallOutcome::Ok(answer) => answer,
            CallOutcome::Unknown { .. } | CallOutcome::Refused { .. } => unreachable!("a response was recorded"),
        }
    }

    fn end(&mut self, id: CallId, outcome: CallOutcome) {
        self.record(|done| Event::Return(Return { id, done, outcome }));
    }
}

fn member_of(worker: u32) -> MemberIndex {
    MemberIndex((worker % 3) as u8)
}
