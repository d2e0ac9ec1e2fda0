//! Leases, and the locks that are made of them.

use super::Simulation;
use super::transact::{Caller, Change, delete, put};
use ticketcd_history::annotation::Purpose;
use ticketcd_history::call::CallId;
use ticketcd_history::request::{AnswerBody, Delete, Request};
use ticketcd_judge::model::{Blob, Nanos, Revision};

/// A lease of the simulated cluster.
#[derive(Debug)]
pub(super) struct Lease {
    /// Seconds.
    ttl: i64,
    /// When it was last granted or kept alive, by the cluster's own clock.
    renewed: Nanos,
    keys: Vec<Blob>,
}

/// Somebody who holds a lock or waits for it.
#[derive(Clone, Debug)]
pub struct LockHolder {
    /// The lock's key: `name/lease`.
    pub key: Blob,
    /// The lease.
    pub lease: i64,
    /// The revision of the key: who has the lowest holds the lock.
    pub create_revision: Revision,
    call: CallId,
}

impl Simulation {
    /// A lease is granted.
    pub fn grant(&mut self, worker: u32, ttl: i64) -> i64 {
        let id = 0x7000 + self.next_lease;
        self.next_lease += 1;
        self.lease_call((worker, Purpose::Purchase, Vec::new()), Request::LeaseGrant { id: 0, ttl }, (id, ttl));
        // The cluster's clock starts when it carries the grant out: between the sending and the answer.
        self.leases.insert(id, Lease { ttl, renewed: self.now - 500_000, keys: Vec::new() });
        id
    }

    /// A lease is kept alive.
    pub fn keep_alive(&mut self, worker: u32, lease: i64) {
        let ttl = self.leases.get(&lease).map_or(0, |lease| lease.ttl);
        self.lease_call((worker, Purpose::Purchase, Vec::new()), Request::LeaseKeepAlive { id: lease }, (lease, ttl));
        if let Some(kept) = self.leases.get_mut(&lease) {
            kept.renewed = self.now - 500_000;
        }
    }

    /// A lease is given up by its owner, with every key attached to it.
    pub fn revoke(&mut self, worker: u32, lease: i64) {
        let id = self.invoke(worker, Purpose::Purchase, Vec::new(), Request::LeaseRevoke { id: lease });
        self.drop_lease(lease);
        self.answer(id, self.cluster.revision, AnswerBody::Lease { id: lease, ttl: 0 });
    }

    /// A lease expires when its time is over, which passes now.
    pub fn expire(&mut self, lease: i64) {
        if let Some(Lease { ttl, renewed, .. }) = self.leases.get(&lease) {
            self.now = self.now.max(renewed + Nanos::try_from(*ttl).unwrap_or(0) * 1_000_000_000);
        }
        self.drop_lease(lease);
    }

    /// A lease expires now, its time over or not.
    pub fn expire_at_once(&mut self, lease: i64) {
        self.drop_lease(lease);
    }

    /// Asks for the lock of an event: its key is written at once, and whoever has the oldest one holds it.
    pub fn ask_for_lock(&mut self, worker: u32, event: &str, ttl: i64) -> LockHolder {
        let lease = self.grant(worker, ttl);
        let name = self.keys.lock(event);
        let key = Blob::from(format!("{}/{lease:x}", name.to_text()));
        let call = self.invoke(worker, Purpose::Purchase, Vec::new(), Request::Lock { name, lease });
        let create_revision = self.apply(vec![Change { lease, ..put(key.clone(), Blob::default()) }]);
        LockHolder { key, lease, create_revision, call }
    }

    /// The lock is held: its holder is told.
    pub fn grant_lock(&mut self, lock: &LockHolder) {
        self.answer(lock.call, self.cluster.revision, AnswerBody::Lock { key: lock.key.clone() });
    }

    /// Asks for a lock that is free, and gets it.
    pub fn lock(&mut self, worker: u32, event: &str, ttl: i64) -> LockHolder {
        let lock = self.ask_for_lock(worker, event, ttl);
        self.grant_lock(&lock);
        lock
    }

    /// The lock is given up: its key is deleted.
    pub fn unlock(&mut self, worker: u32, lock: &LockHolder) {
        let request = Request::Delete(Delete { key: lock.key.clone(), range_end: Blob::default() });
        let id = self.invoke(worker, Purpose::Purchase, Vec::new(), request);
        let deleted = i64::from(self.store.contains_key(&lock.key));
        self.apply(vec![delete(lock.key.clone())]);
        self.answer(id, self.cluster.revision, AnswerBody::Delete { deleted });
    }

    /// A key belongs to a lease from now on.
    pub(super) fn attach(&mut self, lease: i64, key: &Blob) {
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.keys.push(key.clone());
        }
    }

    fn lease_call(&mut self, (worker, purpose, orders): Caller, request: Request, (id, ttl): (i64, i64)) {
        let call = self.invoke(worker, purpose, orders, request);
        self.answer(call, self.cluster.revision, AnswerBody::Lease { id, ttl });
    }

    fn drop_lease(&mut self, lease: i64) {
        let Some(Lease { keys, .. }) = self.leases.remove(&lease) else { return };
        let attached = keys.into_iter().filter(|key| self.store.get(key).is_some_and(|kv| kv.lease == lease));
        let changes: Vec<Change> = attached.collect::<Vec<_>>().into_iter().map(delete).collect();
        self.apply(changes);
    }
}
