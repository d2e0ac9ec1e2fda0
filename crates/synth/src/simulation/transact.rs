//! Calls and transactions of the shop.

use super::{RequestOutcome, Simulation};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{
    AnswerBody, Delete, Guard, GuardTarget, KeyValue, Put, Range, Relation, Request, Txn, TxnAnswerBody, TxnOp,
};
use ticketcd_history::{Blob, OrderKey, Revision};

/// Half of the time between two events: a request is executed between its sending and its response.
const HALF_A_TICK: u64 = 500_000;

/// The worker of a call, its purpose and its orders.
pub(super) type Caller = (u32, Purpose, Vec<OrderKey>);

/// How a transaction ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It completed, at this revision.
    Written(Revision),
    /// A compare did not hold.
    Failed,
    /// It may have been executed.
    Unknown,
    /// It was refused.
    Refused,
    /// The record ends before.
    Open,
}

/// A key is written.
pub(super) fn put(key: Blob, value: Blob) -> TxnOp {
    put_with_lease(key, value, 0)
}

/// A key is written and attached to a lease.
pub(super) fn put_with_lease(key: Blob, value: Blob, lease: i64) -> TxnOp {
    TxnOp::Put(Put { key, value, lease, ..Put::default() })
}

/// A key is deleted.
pub(super) fn delete(key: Blob) -> TxnOp {
    TxnOp::Delete(Delete { key, ..Delete::default() })
}

/// The key was last written by this revision; 0 when it must not exist.
pub(super) fn unchanged(key: Blob, revision: Revision) -> Guard {
    Guard { key, range_end: Blob::default(), target: GuardTarget::ModRevision(revision), relation: Relation::Equal }
}

/// The key exists.
pub(super) fn exists(key: Blob) -> Guard {
    Guard { key, range_end: Blob::default(), target: GuardTarget::CreateRevision(0), relation: Relation::Greater }
}

impl Simulation {
    /// A guarded transaction, with its outcome.
    pub(super) fn transact(&mut self, caller: Caller, guards: Vec<Guard>, success: Vec<TxnOp>, outcome: RequestOutcome) -> Done {
        let failure = guards.iter().map(|guard| TxnOp::Range(Range { key: guard.key.clone(), ..Range::default() })).collect();
        let txn = Txn { guards, success, failure };
        let (worker, purpose, orders) = caller;
        let id = self.invoke(worker, purpose, orders, Request::Txn(txn.clone()));
        let holds = self.cluster.succeeds(&txn);
        let lost = |message: &str| ("Unavailable".to_owned(), message.to_owned());
        match outcome {
            RequestOutcome::Answered | RequestOutcome::AnsweredNotApplied | RequestOutcome::WrongBranch => {
                let (revision, body) = match outcome {
                    RequestOutcome::AnsweredNotApplied if holds => self.cluster.pretend(&txn),
                    _ => self.cluster.execute_branch(&txn, holds || outcome == RequestOutcome::WrongBranch),
                };
                self.deliver_all();
                self.answer(id, revision, body);
                if holds || outcome == RequestOutcome::WrongBranch { Done::Written(revision) } else { Done::Failed }
            }
            RequestOutcome::UnknownApplied | RequestOutcome::UnknownNotApplied | RequestOutcome::UnknownLate => {
                let (code, message) = lost("etcdserver: request timed out");
                if outcome == RequestOutcome::UnknownApplied {
                    self.execute(&Request::Txn(txn.clone()));
                }
                self.end_call(id, CallOutcome::Unknown { code, message });
                if outcome == RequestOutcome::UnknownLate {
                    self.execute(&Request::Txn(txn));
                }
                Done::Unknown
            }
            RequestOutcome::Refused | RequestOutcome::RefusedButApplied => {
                if outcome == RequestOutcome::RefusedButApplied {
                    self.execute(&Request::Txn(txn));
                }
                let (code, message) = lost("tcp connect error");
                self.end_call(id, CallOutcome::Refused { code, message });
                Done::Refused
            }
            RequestOutcome::NeverEnded => {
                self.execute(&Request::Txn(txn));
                Done::Open
            }
        }
    }

    /// Keys read together, at one revision: the value of each.
    pub(super) fn look(&mut self, caller: Caller, wanted: &[Blob], serializable: bool) -> Vec<Option<KeyValue>> {
        let range = |key: &Blob| TxnOp::Range(Range { key: key.clone(), serializable, ..Range::default() });
        let request = Request::Txn(Txn { success: wanted.iter().map(range).collect(), ..Txn::default() });
        let (worker, purpose, orders) = caller;
        let id = self.invoke(worker, purpose, orders, request.clone());
        let (revision, body) = self.execute(&request);
        let found = match &body {
            AnswerBody::Txn { responses, .. } => responses.iter().map(|response| found(&response.body)).collect(),
            _ => Vec::new(),
        };
        self.answer(id, revision, body);
        found
    }

    /// Executes a request. Every member that is up delivers what it wrote.
    pub(super) fn execute(&mut self, request: &Request) -> (Revision, AnswerBody) {
        let executed = self.cluster.execute(request, self.now + HALF_A_TICK);
        self.deliver_all();
        executed
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
        self.end_call(id, self.cluster.answer(self.serving_member(), revision, body));
    }

    pub(super) fn end_call(&mut self, id: CallId, outcome: CallOutcome) {
        let done = self.tick();
        self.events.push(Event::Return(Return { id, done, outcome }));
    }
}

fn found(body: &TxnAnswerBody) -> Option<KeyValue> {
    match body {
        TxnAnswerBody::Range(range) => range.kvs.first().cloned(),
        _ => None,
    }
}
