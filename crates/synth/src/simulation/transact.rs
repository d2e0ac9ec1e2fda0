//! Calls and transactions of the simulated cluster.

use super::{Fate, Simulation};
use crate::member_id;
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{
    Answer, AnswerBody, Delete, Guard, GuardTarget, KeyValue, Put, Range, RangeAnswer, Relation, Request, Txn, TxnAnswer, TxnAnswerBody,
    TxnOp,
};
use ticketcd_history::watch::WatchEvent;
use ticketcd_judge::model::{Blob, OrderKey, Revision};

/// A change of one key.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) key: Blob,
    /// Its new value; none when it is deleted.
    pub(super) value: Option<Blob>,
    /// The lease it is attached to; 0 for none.
    pub(super) lease: i64,
}

/// Who makes a call, what for and for which orders.
pub(super) type Caller = (u32, Purpose, Vec<OrderKey>);

/// How a transaction ended, as its caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It was answered: by this revision.
    Written(Revision),
    /// A guard failed.
    Failed,
    /// It may have happened.
    Unknown,
    /// It was refused.
    Refused,
    /// The record ends before.
    Open,
}

/// A key gets a value.
pub(super) fn put(key: Blob, value: Blob) -> Change {
    Change { key, value: Some(value), lease: 0 }
}

/// A key is deleted.
pub(super) fn delete(key: Blob) -> Change {
    Change { key, value: None, lease: 0 }
}

/// The key was last written by this revision; 0 when it must not exist.
pub(super) fn unchanged(key: Blob, revision: Revision) -> Guard {
    Guard { key, range_end: Blob::default(), target: GuardTarget::ModRevision(revision), relation: Relation::Equal }
}

/// The key is there.
pub(super) fn exists(key: Blob) -> Guard {
    Guard { key, range_end: Blob::default(), target: GuardTarget::CreateRevision(0), relation: Relation::Greater }
}

impl Change {
    /// The operation that makes it.
    pub(super) fn operation(&self) -> TxnOp {
        match &self.value {
            Some(value) => TxnOp::Put(Put { key: self.key.clone(), value: value.clone(), lease: self.lease }),
            None => TxnOp::Delete(Delete { key: self.key.clone(), range_end: Blob::default() }),
        }
    }
}

impl Simulation {
    /// A guarded transaction, carried out as its fate will have it.
    pub(super) fn transact(&mut self, caller: Caller, guards: Vec<Guard>, changes: Vec<Change>, fate: Fate) -> Done {
        let failure = guards.iter().map(|guard| TxnOp::Range(Range { key: guard.key.clone(), ..Range::default() })).collect();
        let looked: Vec<Blob> = guards.iter().map(|guard| guard.key.clone()).collect();
        let holds = guards.iter().all(|guard| self.holds(guard));
        let request = Request::Txn(Txn { guards, success: changes.iter().map(Change::operation).collect(), failure });
        let (worker, purpose, orders) = caller;
        let id = self.invoke(worker, purpose, orders, request);
        let bodies: Vec<TxnAnswerBody> = changes.iter().map(|change| self.answer_body(change)).collect();
        let applied = holds && !matches!(fate, Fate::UnknownNotApplied | Fate::Refused | Fate::AnsweredNotApplied);
        if applied {
            self.apply(changes);
        }
        let error = |message: &str| ("Unavailable".to_owned(), message.to_owned());
        match fate {
            Fate::Answered | Fate::AnsweredNotApplied if holds => {
                let revision = if applied { self.cluster.revision } else { self.cluster.revision + 1 };
                let responses = bodies.into_iter().map(|body| TxnAnswer { revision, body }).collect();
                self.answer(id, revision, AnswerBody::Txn { succeeded: true, responses });
                Done::Written(revision)
            }
            Fate::Answered | Fate::AnsweredNotApplied => {
                let responses = looked.iter().map(|key| self.range_answer(key)).collect();
                self.answer(id, self.cluster.revision, AnswerBody::Txn { succeeded: false, responses });
                Done::Failed
            }
            Fate::UnknownApplied | Fate::UnknownNotApplied => {
                let (code, message) = error("etcdserver: request timed out");
                self.end_call(id, CallOutcome::Unknown { code, message });
                Done::Unknown
            }
            Fate::Refused | Fate::RefusedButApplied => {
                let (code, message) = error("tcp connect error");
                self.end_call(id, CallOutcome::Refused { code, message });
                Done::Refused
            }
            Fate::NeverEnded => Done::Open,
        }
    }

    /// Keys read together, at one revision: what each of them is.
    pub(super) fn look(&mut self, caller: Caller, wanted: &[Blob], serializable: bool) -> Vec<Option<KeyValue>> {
        let range = |key: &Blob| TxnOp::Range(Range { key: key.clone(), serializable, ..Range::default() });
        let request = Request::Txn(Txn { success: wanted.iter().map(range).collect(), ..Txn::default() });
        let (worker, purpose, orders) = caller;
        let id = self.invoke(worker, purpose, orders, request);
        let responses = wanted.iter().map(|key| self.range_answer(key)).collect();
        self.answer(id, self.cluster.revision, AnswerBody::Txn { succeeded: true, responses });
        wanted.iter().map(|key| self.store.get(key).cloned()).collect()
    }

    /// The changes of one revision, delivered by every member that can. Without any there is none.
    pub(super) fn apply(&mut self, changes: Vec<Change>) -> Revision {
        let revision = self.cluster.revision + 1;
        let mut events = Vec::new();
        for Change { key, value, lease } in changes {
            let before = self.store.remove(&key);
            let Some(value) = value else {
                if before.is_some() {
                    events.push(WatchEvent::new(true, KeyValue { key, mod_revision: revision, ..KeyValue::default() }));
                }
                continue;
            };
            let create_revision = before.as_ref().map_or(revision, |kv| kv.create_revision);
            let version = before.as_ref().map_or(1, |kv| kv.version + 1);
            let kv = KeyValue { key: key.clone(), value, create_revision, mod_revision: revision, version, lease };
            self.attach(lease, &key);
            self.store.insert(key, kv.clone());
            events.push(WatchEvent::new(false, kv));
        }
        if events.is_empty() {
            return self.cluster.revision;
        }
        self.cluster.revision = revision;
        self.cluster.log(events);
        for member in self.cluster.indices() {
            self.deliver(member);
        }
        revision
    }

    pub(super) fn invoke(&mut self, worker: u32, purpose: Purpose, orders: Vec<OrderKey>, request: Request) -> CallId {
        let count = self.call_counts.entry(worker).or_default();
        *count += 1;
        let id = CallId { worker, sequence: *count };
        let sent = self.tick();
        let member = self.serving_member();
        self.events.push(Event::Invoke(Invoke { id, member, sent, purpose, orders, request }));
        id
    }

    pub(super) fn answer(&mut self, id: CallId, revision: Revision, body: AnswerBody) {
        let member_id = member_id(self.serving_member());
        self.end_call(id, CallOutcome::Ok(Answer { member_id, revision, raft_term: self.raft_term, body }));
    }

    pub(super) fn end_call(&mut self, id: CallId, outcome: CallOutcome) {
        let done = self.tick();
        self.events.push(Event::Return(Return { id, done, outcome }));
    }

    fn range_answer(&self, key: &Blob) -> TxnAnswer {
        let kvs: Vec<KeyValue> = self.store.get(key).cloned().into_iter().collect();
        let count = kvs.len() as i64;
        TxnAnswer { revision: self.cluster.revision, body: TxnAnswerBody::Range(RangeAnswer { kvs, more: false, count }) }
    }

    fn answer_body(&self, change: &Change) -> TxnAnswerBody {
        match change.value {
            Some(_) => TxnAnswerBody::Put,
            None => TxnAnswerBody::Delete { deleted: i64::from(self.store.contains_key(&change.key)) },
        }
    }

    fn holds(&self, guard: &Guard) -> bool {
        let kv = self.store.get(&guard.key);
        let (found, wanted) = match &guard.target {
            GuardTarget::ModRevision(wanted) => (kv.map_or(0, |kv| kv.mod_revision), *wanted),
            GuardTarget::CreateRevision(wanted) => (kv.map_or(0, |kv| kv.create_revision), *wanted),
            GuardTarget::Version(wanted) => (kv.map_or(0, |kv| kv.version), *wanted),
            GuardTarget::Lease(wanted) => (kv.map_or(0, |kv| kv.lease), *wanted),
            GuardTarget::Value(wanted) => return kv.is_some_and(|kv| kv.value == *wanted),
        };
        match guard.relation {
            Relation::Equal => found == wanted,
            Relation::NotEqual => found != wanted,
            Relation::Greater => found > wanted,
            Relation::Less => found < wanted,
        }
    }
}
