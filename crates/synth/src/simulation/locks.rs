//! Leases, and the locks that are made of them.

use super::Simulation;
use super::transact::delete;
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::{CallId, CallOutcome};
use ticketcd_history::request::{AnswerBody, Request, TxnOp};
use ticketcd_history::{Blob, Revision};

/// A holder of a lock, or one that waits for it.
#[derive(Clone, Debug)]
pub struct LockHolder {
    /// The lock's key: `name/lease`.
    pub key: Blob,
    /// The lease.
    pub lease: i64,
    /// The revision of the key: the lowest one holds the lock.
    pub create_revision: Revision,
    call: CallId,
}

impl Simulation {
    /// A lease is granted.
    pub fn grant(&mut self, worker: u32, ttl: i64) -> i64 {
        match self.call(worker, Request::LeaseGrant { id: 0, ttl }) {
            AnswerBody::Lease { id, .. } => id,
            _ => 0,
        }
    }

    /// A lease is kept alive.
    pub fn keep_alive(&mut self, worker: u32, lease: i64) {
        self.call(worker, Request::LeaseKeepAlive { id: lease });
    }

    /// A lease is renewed, and the response is that it does not exist.
    pub fn deny_lease(&mut self, worker: u32, lease: i64) {
        let call = self.invoke(worker, Purpose::Purchase, Vec::new(), Request::LeaseKeepAlive { id: lease });
        let message = "etcdserver: requested lease not found".to_owned();
        self.end_call(call, CallOutcome::Refused { code: "NotFound".to_owned(), message });
    }

    /// A lease is revoked by its owner, with every key attached to it.
    pub fn revoke(&mut self, worker: u32, lease: i64) {
        self.call(worker, Request::LeaseRevoke { id: lease });
    }

    /// Requests the lock of an event: its key is written at once, and the oldest key holds it.
    pub fn ask_for_lock(&mut self, worker: u32, event: &str, ttl: i64) -> LockHolder {
        let lease = self.grant(worker, ttl);
        let name = self.keys.lock(event);
        let (call, revision, body) = self.send(worker, Request::Lock { name, lease });
        let key = match body {
            AnswerBody::Lock { key } => key,
            _ => Blob::default(),
        };
        LockHolder { key, lease, create_revision: revision, call }
    }

    /// The lock is held: its holder receives the response.
    pub fn grant_lock(&mut self, lock: &LockHolder) {
        self.answer(lock.call, self.cluster.revision(), AnswerBody::Lock { key: lock.key.clone() });
    }

    /// Requests a lock that is free, and gets it.
    pub fn lock(&mut self, worker: u32, event: &str, ttl: i64) -> LockHolder {
        let lock = self.ask_for_lock(worker, event, ttl);
        self.grant_lock(&lock);
        lock
    }

    /// The lock is released: its key is deleted.
    pub fn unlock(&mut self, worker: u32, lock: &LockHolder) {
        if let TxnOp::Delete(delete) = delete(lock.key.clone()) {
            self.call(worker, Request::Delete(delete));
        }
    }

    /// A call for no order, executed, with its response.
    fn call(&mut self, worker: u32, request: Request) -> AnswerBody {
        let (call, revision, body) = self.send(worker, request);
        self.answer(call, revision, body.clone());
        body
    }

    /// A call for no order, executed: its response is on its way.
    fn send(&mut self, worker: u32, request: Request) -> (CallId, Revision, AnswerBody) {
        let call = self.invoke(worker, Purpose::Purchase, Vec::new(), request.clone());
        let (revision, body) = self.execute(&request);
        (call, revision, body)
    }
}
