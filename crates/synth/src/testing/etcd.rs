//! An etcd that carries out any request, for the checks of etcd's own promises.

use std::collections::BTreeMap;

use crate::member_id;
use crate::simulation::{Record, Shape, run_info};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::audit::{AuditClosed, AuditFacts, AuditStage, AuditStatus};
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::{Ended, Event, MemberChange, MemberEvent};
use ticketcd_history::request::{
    Answer, AnswerBody, Guard, GuardTarget, KeyValue, Put, Range, RangeAnswer, Relation, Request, TxnAnswer, TxnAnswerBody, TxnOp,
};
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchEvent, WatchOpened};
use ticketcd_judge::check::versions::KeyRange;
use ticketcd_judge::model::{Blob, MemberIndex, Nanos, Revision};

/// A key space, by key.
type State = BTreeMap<Blob, KeyValue>;

/// An etcd that keeps its promises, with a record of what is asked of it. Every call is made by a worker, at the member of
/// the worker's number.
#[derive(Debug)]
pub struct Etcd {
    /// The record so far. Tests edit it to break a promise.
    pub events: Vec<Event>,
    /// The key space at every revision, from 1.
    states: Vec<State>,
    now: Nanos,
    calls: BTreeMap<u32, u32>,
}

impl Default for Etcd {
    fn default() -> Self {
        let mut etcd = Self { events: Vec::new(), states: vec![State::new()], now: 0, calls: BTreeMap::new() };
        for member in [0, 1, 2].map(MemberIndex) {
            etcd.record(|at| Event::Member(MemberEvent { member, at, change: MemberChange::Started { incarnation: 1, pid: 1 } }));
        }
        etcd.record(|at| Event::WatchOpened(WatchOpened::collector(0, MemberIndex(0), 1, at)));
        etcd
    }
}

impl Etcd {
    /// The revision of the last write.
    pub fn revision(&self) -> Revision {
        self.states.len() as Revision
    }

    /// Carries out a request and answers it.
    pub fn call(&mut self, worker: u32, request: Request) -> Answer {
        let revision = self.revision();
        self.call_at(worker, request, revision)
    }

    /// Answers a request that only reads as a member would that is behind.
    pub fn call_at(&mut self, worker: u32, request: Request, revision: Revision) -> Answer {
        let id = self.invoke(worker, request.clone());
        let (revision, body) = self.carry_out(&request, revision);
        let answer = Answer { member_id: member_id(MemberIndex((worker % 3) as u8)), revision, raft_term: 2, body };
        self.end(id, CallOutcome::Ok(answer.clone()));
        answer
    }

    /// A request whose answer is lost: it may have been carried out.
    pub fn unanswered(&mut self, worker: u32, request: Request, applied: bool) {
        let id = self.invoke(worker, request.clone());
        if applied {
            let revision = self.revision();
            self.carry_out(&request, revision);
        }
        self.end(id, CallOutcome::Unknown { code: "Timeout".to_owned(), message: "no answer".to_owned() });
    }

    /// A request that is refused: it must not be carried out.
    pub fn refused(&mut self, worker: u32, request: Request, applied: bool) {
        let id = self.invoke(worker, request.clone());
        if applied {
            let revision = self.revision();
            self.carry_out(&request, revision);
        }
        self.end(id, CallOutcome::Refused { code: "Unavailable".to_owned(), message: "etcdserver: no leader".to_owned() });
    }

    /// A lease ends, and the keys attached to it go.
    pub fn expire(&mut self, lease: i64) -> Revision {
        let attached = self.state(self.revision()).values().filter(|kv| kv.lease == lease).map(|kv| (kv.key.clone(), None)).collect();
        self.write(attached)
    }

    /// Writes that nobody asked for; `None` deletes.
    pub fn write(&mut self, writes: Vec<(Blob, Option<Put>)>) -> Revision {
        let revision = self.revision() + 1;
        let mut state = self.state(revision - 1).clone();
        let mut events = Vec::new();
        for (key, put) in writes {
            let before = state.remove(&key);
            let Some(put) = put else {
                events.push(WatchEvent::new(true, KeyValue { key, mod_revision: revision, ..KeyValue::default() }));
                continue;
            };
            let create_revision = before.as_ref().map_or(revision, |kv| kv.create_revision);
            let version = before.map_or(1, |kv| kv.version + 1);
            let kv = KeyValue { key: key.clone(), value: put.value, create_revision, mod_revision: revision, version, lease: put.lease };
            state.insert(key, kv.clone());
            events.push(WatchEvent::new(false, kv));
        }
        self.states.push(state);
        self.record(|at| Event::WatchBatch(WatchBatch { subscription: 0, at, revision, body: WatchBody::Events(events) }));
        revision
    }

    /// A key as it was at a revision.
    pub fn key(&self, key: &str, revision: Revision) -> Option<KeyValue> {
        self.state(revision).get(key.as_bytes()).cloned()
    }

    /// Records an event at the next moment, which is given.
    pub fn record(&mut self, event: impl FnOnce(Nanos) -> Event) {
        self.now += 1_000_000;
        self.events.push(event(self.now));
    }

    /// Lets time pass.
    pub fn wait(&mut self, span: Nanos) {
        self.now += span;
    }

    /// Edits the last answer.
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
        let status = AuditStatus { applied_index: 100, revision: self.revision(), hash: 1, compact_revision: 0 };
        for member in [0, 1, 2].map(MemberIndex) {
            let facts = AuditFacts { before: status.clone(), after: status.clone(), leases: Vec::new() };
            self.record(|at| Event::AuditClosed(AuditClosed { stage: AuditStage::Healed, member, at, outcome: Ok(facts) }));
        }
        self.record(|at| Event::Ended(Ended { at, interrupted: false }));
        Record { info: run_info(&Shape::default()), events: self.events }
    }

    fn state(&self, revision: Revision) -> &State {
        &self.states[revision as usize - 1]
    }

    fn invoke(&mut self, worker: u32, request: Request) -> CallId {
        let sequence = self.calls.entry(worker).or_default();
        *sequence += 1;
        let id = CallId { worker, sequence: *sequence };
        let member = MemberIndex((worker % 3) as u8);
        self.record(|sent| Event::Invoke(Invoke { id, member, sent, purpose: Purpose::Purchase, orders: Vec::new(), request }));
        id
    }

    fn end(&mut self, id: CallId, outcome: CallOutcome) {
        self.record(|done| Event::Return(Return { id, done, outcome }));
    }

    fn carry_out(&mut self, request: &Request, revision: Revision) -> (Revision, AnswerBody) {
        let operations = match request {
            Request::Range(range) => return (revision, AnswerBody::Range(self.read(range, &self.visible(range, revision)))),
            Request::Txn(txn) if txn.guards.iter().all(|guard| self.holds(guard, revision)) => (true, txn.success.clone()),
            Request::Txn(txn) => (false, txn.failure.clone()),
            Request::Put(put) => (true, vec![TxnOp::Put(put.clone())]),
            Request::Delete(delete) => (true, vec![TxnOp::Delete(delete.clone())]),
            Request::Lock { name, lease } => {
                let key = Blob::from(format!("{}/{lease:x}", name.to_text()));
                self.write(vec![(key.clone(), Some(Put { key: key.clone(), value: Blob::default(), lease: *lease }))]);
                return (self.revision(), AnswerBody::Lock { key });
            }
            _ => return (revision, AnswerBody::Lease { id: 1, ttl: 5 }),
        };
        let (succeeded, operations) = operations;
        let mut writes: Vec<(Blob, Option<Put>)> = Vec::new();
        let mut responses = Vec::new();
        for operation in operations {
            let body = match &operation {
                TxnOp::Put(put) => {
                    writes.push((put.key.clone(), Some(put.clone())));
                    TxnAnswerBody::Put
                }
                TxnOp::Delete(delete) => {
                    let range = KeyRange::new(&delete.key, &delete.range_end);
                    let keys: Vec<Blob> = self.state(revision).keys().filter(|key| range.contains(key.as_bytes())).cloned().collect();
                    let deleted = keys.len() as i64;
                    writes.extend(keys.into_iter().map(|key| (key, None)));
                    TxnAnswerBody::Delete { deleted }
                }
                TxnOp::Range(range) => {
                    let mut state = self.visible(range, revision);
                    if range.revision == 0 {
                        self.lay_over(&mut state, &writes, revision);
                    }
                    TxnAnswerBody::Range(self.read(range, &state))
                }
            };
            responses.push(TxnAnswer { revision: revision + i64::from(!writes.is_empty()), body });
        }
        let header = if writes.is_empty() { revision } else { self.write(writes) };
        let body = match (request, responses.first().map(|response| &response.body)) {
            (Request::Put(_), _) => AnswerBody::Put,
            (Request::Delete(_), Some(TxnAnswerBody::Delete { deleted })) => AnswerBody::Delete { deleted: *deleted },
            _ => AnswerBody::Txn { succeeded, responses },
        };
        (header, body)
    }

    fn visible(&self, range: &Range, revision: Revision) -> State {
        self.state(if range.revision == 0 { revision } else { range.revision }).clone()
    }

    /// What a read sees of the writes before it in its own transaction.
    fn lay_over(&self, state: &mut State, writes: &[(Blob, Option<Put>)], revision: Revision) {
        for (key, put) in writes {
            let before = state.remove(key);
            let Some(put) = put else { continue };
            let create_revision = before.as_ref().map_or(revision + 1, |kv| kv.create_revision);
            let version = before.map_or(1, |kv| kv.version + 1);
            let (value, lease, mod_revision) = (put.value.clone(), put.lease, revision + 1);
            state.insert(key.clone(), KeyValue { key: key.clone(), value, create_revision, mod_revision, version, lease });
        }
    }

    fn read(&self, range: &Range, state: &State) -> RangeAnswer {
        let keys = KeyRange::new(&range.key, &range.range_end);
        let mut kvs: Vec<KeyValue> = state.values().filter(|kv| keys.contains(kv.key.as_bytes())).cloned().collect();
        let count = kvs.len() as i64;
        let more = range.limit > 0 && count > range.limit && !range.count_only;
        if more {
            kvs.truncate(range.limit as usize);
        }
        if range.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value = Blob::default());
        }
        if range.count_only {
            kvs.clear();
        }
        RangeAnswer { kvs, more, count }
    }

    fn holds(&self, guard: &Guard, revision: Revision) -> bool {
        let range = KeyRange::new(&guard.key, &guard.range_end);
        let found: Vec<&KeyValue> = self.state(revision).values().filter(|kv| range.contains(kv.key.as_bytes())).collect();
        let compares = |kv: &KeyValue| {
            let ordering = match &guard.target {
                GuardTarget::Version(version) => kv.version.cmp(version),
                GuardTarget::CreateRevision(revision) => kv.create_revision.cmp(revision),
                GuardTarget::ModRevision(revision) => kv.mod_revision.cmp(revision),
                GuardTarget::Value(value) => kv.value.cmp(value),
                GuardTarget::Lease(lease) => kv.lease.cmp(lease),
            };
            match guard.relation {
                Relation::Equal => ordering.is_eq(),
                Relation::NotEqual => ordering.is_ne(),
                Relation::Greater => ordering.is_gt(),
                Relation::Less => ordering.is_lt(),
            }
        };
        match (found.is_empty(), &guard.target) {
            (true, GuardTarget::Value(_)) => false,
            (true, _) => compares(&KeyValue::default()),
            (false, _) => found.into_iter().all(compares),
        }
    }
}
