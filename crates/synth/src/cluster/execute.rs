//! How the simulated cluster executes requests: as etcd does.

use super::Cluster;
use super::leases::Lease;
use ticketcd_history::maintenance::MaintenanceAnswer;
use ticketcd_history::request::{
    AnswerBody, Guard, GuardTarget, KeyValue, Range, RangeAnswer, Relation, Request, RevisionFilter, Sort, SortOrder, SortTarget, Txn,
    TxnAnswer, TxnAnswerBody, TxnOp, lock_key,
};
use ticketcd_history::{Blob, Nanos, Revision};

/// The response to a request: the revision of the header, and the body.
pub(crate) type Executed = (Revision, AnswerBody);

impl Cluster {
    /// Executes a request; `now` is the time by which the cluster counts leases.
    pub(crate) fn execute(&mut self, request: &Request, now: Nanos) -> Executed {
        match request {
            Request::Range(_) => self.execute_at(request, self.revision()),
            Request::Put(_) | Request::Delete(_) => {
                let (revision, mut responses) = self.operations(std::slice::from_ref(&operation(request)));
                let body = match responses.pop().map(|response| response.body) {
                    Some(TxnAnswerBody::Delete { deleted, prev_kvs }) => AnswerBody::Delete { deleted, prev_kvs },
                    Some(TxnAnswerBody::Put { prev_kv }) => AnswerBody::Put { prev_kv },
                    _ => AnswerBody::Put { prev_kv: None },
                };
                (revision, body)
            }
            Request::Txn(txn) => self.execute_branch(txn, self.succeeds(txn)),
            Request::Compact(_) => (self.revision(), AnswerBody::Compact),
            Request::LeaseGrant { id, ttl } => {
                let id = self.grant(*id, *ttl, now);
                (self.revision(), AnswerBody::Lease { id, ttl: *ttl })
            }
            Request::LeaseKeepAlive { id } => {
                let kept = self.leases.get_mut(id);
                let ttl = kept.map_or(0, |lease| {
                    lease.renewed = now;
                    lease.ttl
                });
                (self.revision(), AnswerBody::Lease { id: *id, ttl })
            }
            Request::LeaseRevoke { id } => {
                self.end_lease(*id);
                (self.revision(), AnswerBody::Lease { id: *id, ttl: 0 })
            }
            Request::Lock { name, lease } => {
                let key = lock_key(name, *lease);
                if self.keys.get(key.as_bytes()).is_none() {
                    self.keys.put(&key, Blob::default(), *lease);
                    self.commit();
                }
                (self.revision(), AnswerBody::Lock { key })
            }
            Request::Unlock { key } => {
                self.keys.delete(key);
                self.commit();
                (self.revision(), AnswerBody::Unlock)
            }
            Request::LeaseTimeToLive { id, keys } => {
                let (ttl, granted) = self.leases.get(id).map_or((-1, 0), |lease| (lease.ttl, lease.ttl));
                let attached = if *keys {
                    self.content().into_iter().filter(|kv| kv.lease == *id).map(|kv| kv.key.clone()).collect()
                } else {
                    Vec::new()
                };
                (self.revision(), AnswerBody::LeaseTimeToLive { id: *id, ttl, granted, keys: attached })
            }
            Request::Leases => (self.revision(), AnswerBody::Leases(self.lease_ids())),
            // Nothing else changes the key space, and no check judges its response.
            Request::Maintenance(_) | Request::Membership(_) | Request::Auth(_) => {
                (self.revision(), AnswerBody::Maintenance(MaintenanceAnswer::Defragmented))
            }
        }
    }

    /// Answers a request that only reads, as a member would that is at this revision.
    pub(crate) fn execute_at(&self, request: &Request, revision: Revision) -> Executed {
        let body = match request {
            Request::Range(range) => AnswerBody::Range(self.read(range, revision)),
            Request::Txn(txn) => {
                let succeeded = txn.guards.iter().all(|guard| self.holds(guard, revision));
                let branch = if succeeded { &txn.success } else { &txn.failure };
                let read = |operation: &TxnOp| match operation {
                    TxnOp::Range(range) => Some(TxnAnswer { revision, body: TxnAnswerBody::Range(self.read(range, revision)) }),
                    _ => None,
                };
                AnswerBody::Txn { succeeded, responses: branch.iter().filter_map(read).collect() }
            }
            _ => AnswerBody::Compact,
        };
        (revision, body)
    }

    /// Whether the compares of a transaction hold.
    pub(crate) fn succeeds(&self, txn: &Txn) -> bool {
        txn.guards.iter().all(|guard| self.holds(guard, self.revision()))
    }

    /// Executes one branch of a transaction, whatever its compares.
    pub(crate) fn execute_branch(&mut self, txn: &Txn, succeeded: bool) -> Executed {
        let (revision, responses) = self.operations(if succeeded { &txn.success } else { &txn.failure });
        (revision, AnswerBody::Txn { succeeded, responses })
    }

    /// Answers a transaction as if it had been executed, and executes nothing.
    pub(crate) fn pretend(&self, txn: &Txn) -> Executed {
        let revision = self.revision() + 1;
        let body = |operation: &TxnOp| match operation {
            TxnOp::Range(range) => TxnAnswerBody::Range(self.read(range, revision)),
            TxnOp::Put(_) => TxnAnswerBody::Put { prev_kv: None },
            TxnOp::Delete(delete) => {
                let deleted = self.keys.range(&delete.key, &delete.range_end).len() as i64;
                TxnAnswerBody::Delete { deleted, prev_kvs: Vec::new() }
            }
            TxnOp::Txn(_) => TxnAnswerBody::Txn { succeeded: true, responses: Vec::new() },
        };
        let responses = txn.success.iter().map(|operation| TxnAnswer { revision, body: body(operation) }).collect();
        (revision, AnswerBody::Txn { succeeded: true, responses })
    }

    /// Operations of one transaction, in their order: each sees what those before it wrote.
    fn operations(&mut self, operations: &[TxnOp]) -> (Revision, Vec<TxnAnswer>) {
        let responses = self.branch(operations, self.revision());
        self.commit();
        (self.revision(), responses)
    }

    /// Operations of a branch, in a transaction that began at this revision.
    fn branch(&mut self, operations: &[TxnOp], before: Revision) -> Vec<TxnAnswer> {
        let mut responses = Vec::with_capacity(operations.len());
        for operation in operations {
            let body = match operation {
                TxnOp::Range(range) => TxnAnswerBody::Range(self.read(range, Revision::MAX)),
                TxnOp::Put(put) => {
                    let previous = self.keys.get(put.key.as_bytes());
                    let kept = |ignore: bool| previous.filter(|_| ignore);
                    let value = kept(put.ignore_value).map_or(&put.value, |kv| &kv.value).clone();
                    let lease = kept(put.ignore_lease).map_or(put.lease, |kv| kv.lease);
                    let prev_kv = kept(put.prev_kv).map(|kv| Box::new(kv.clone()));
                    self.keys.put(&put.key, value, lease);
                    TxnAnswerBody::Put { prev_kv }
                }
                TxnOp::Delete(delete) => {
                    let kvs: Vec<KeyValue> = self.keys.range(&delete.key, &delete.range_end).into_iter().cloned().collect();
                    kvs.iter().for_each(|kv| {
                        self.keys.delete(&kv.key);
                    });
                    let deleted = kvs.len() as i64;
                    TxnAnswerBody::Delete { deleted, prev_kvs: if delete.prev_kv { kvs } else { Vec::new() } }
                }
                TxnOp::Txn(txn) => {
                    let succeeded = txn.guards.iter().all(|guard| self.holds(guard, before));
                    TxnAnswerBody::Txn { succeeded, responses: self.branch(txn.branch(succeeded), before) }
                }
            };
            // A read before the first write names the revision before it.
            responses.push(TxnAnswer { revision: before + Revision::from(self.keys.has_changes()), body });
        }
        responses
    }

    fn read(&self, range: &Range, revision: Revision) -> RangeAnswer {
        let revision = if range.revision == 0 { revision } else { range.revision };
        let mut kvs: Vec<KeyValue> = if range.range_end.is_empty() {
            self.keys.get_at(&range.key, revision).cloned().into_iter().collect()
        } else {
            self.keys.range_at(&range.key, &range.range_end, revision).into_iter().cloned().collect()
        };
        let count = kvs.len() as i64;
        if range.sort != Sort::default() || range.filter != RevisionFilter::default() {
            sort_and_filter(&mut kvs, range);
        }
        let more = range.limit > 0 && kvs.len() as i64 > range.limit && !range.count_only;
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

    /// Whether a compare holds at a revision: for every key of its range, or for a key that does not exist.
    fn holds(&self, guard: &Guard, revision: Revision) -> bool {
        if guard.range_end.is_empty() {
            return match self.keys.get_at(&guard.key, revision) {
                Some(kv) => compares(guard, kv),
                None => holds_without_key(guard),
            };
        }
        let found = self.keys.range_at(&guard.key, &guard.range_end, revision);
        if found.is_empty() { holds_without_key(guard) } else { found.into_iter().all(|kv| compares(guard, kv)) }
    }

    fn grant(&mut self, id: i64, ttl: i64, now: Nanos) -> i64 {
        let id = if id == 0 { self.next_lease } else { id };
        self.next_lease += 1;
        self.leases.insert(id, Lease { ttl, renewed: now });
        id
    }
}

/// As etcd does, before the limit; the count is that of the whole range.
fn sort_and_filter(kvs: &mut Vec<KeyValue>, range: &Range) {
    let within = |min, max, revision| (min == 0 || revision >= min) && (max == 0 || revision <= max);
    if range.sort.order == SortOrder::None && range.filter == RevisionFilter::default() && range.limit > 0 {
        // Without a direction etcd reads one key more than the limit, in the order of the keys, and sorts those.
        kvs.truncate(range.limit as usize + 1);
    }
    let RevisionFilter { min_mod, max_mod, min_create, max_create } = range.filter;
    kvs.retain(|kv| within(min_mod, max_mod, kv.mod_revision) && within(min_create, max_create, kv.create_revision));
    match range.sort.target {
        SortTarget::Key => kvs.sort_by(|one, other| one.key.cmp(&other.key)),
        SortTarget::Version => kvs.sort_by_key(|kv| kv.version),
        SortTarget::CreateRevision => kvs.sort_by_key(|kv| kv.create_revision),
        SortTarget::ModRevision => kvs.sort_by_key(|kv| kv.mod_revision),
        SortTarget::Value => kvs.sort_by(|one, other| one.value.cmp(&other.value)),
    }
    if range.sort.order == SortOrder::Descend {
        kvs.reverse();
    }
}

fn holds_without_key(guard: &Guard) -> bool {
    // etcd compares a key that does not exist as one with zeros; its value is never equal nor different.
    !matches!(guard.target, GuardTarget::Value(_)) && compares(guard, &KeyValue::default())
}

fn compares(guard: &Guard, kv: &KeyValue) -> bool {
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
}

/// A put or a deletion as an operation of a transaction.
fn operation(request: &Request) -> TxnOp {
    match request {
        Request::Put(put) => TxnOp::Put(put.clone()),
        Request::Delete(delete) => TxnOp::Delete(delete.clone()),
        _ => TxnOp::Range(Range::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketcd_history::request::{Delete, Put};

    fn put(key: &str, value: &str) -> TxnOp {
        TxnOp::Put(Put { key: key.into(), value: value.into(), ..Put::default() })
    }

    fn range(key: &str, range_end: &str) -> Range {
        Range { key: key.into(), range_end: range_end.into(), ..Range::default() }
    }

    #[test]
    fn operations_of_a_transaction_see_what_those_before_them_wrote() {
        let mut cluster = Cluster::new(1, 1, usize::MAX);
        let delete = TxnOp::Delete(Delete { key: "a".into(), range_end: Blob::default(), ..Delete::default() });
        let read = || TxnOp::Range(range("a", "z"));
        let txn = Txn { success: vec![read(), put("b", "1"), read(), put("a", "1"), delete, read()], ..Txn::default() };
        let (revision, body) = cluster.execute(&Request::Txn(txn), 0);
        let AnswerBody::Txn { succeeded, responses } = body else { panic!("{body:?}") };
        assert!(succeeded && revision == 2);
        assert_eq!(responses.iter().map(|response| response.revision).collect::<Vec<_>>(), [1, 2, 2, 2, 2, 2]);
        let counts = responses.iter().filter_map(|response| match &response.body {
            TxnAnswerBody::Range(range) => Some(range.count),
            _ => None,
        });
        assert_eq!(counts.collect::<Vec<_>>(), [0, 1, 1]);
    }

    #[test]
    fn a_guard_on_a_range_must_hold_for_every_key_and_on_a_missing_key_compares_zeros() {
        let mut cluster = Cluster::new(1, 1, usize::MAX);
        cluster.execute_branch(&Txn { success: vec![put("a", "1"), put("b", "2")], ..Txn::default() }, true);
        let guard =
            |key: &str, range_end: &str, target| Guard { key: key.into(), range_end: range_end.into(), target, relation: Relation::Equal };
        let holds = |guard: Guard| cluster.succeeds(&Txn { guards: vec![guard], ..Txn::default() });
        assert!(holds(guard("a", "c", GuardTarget::ModRevision(2))));
        assert!(!holds(guard("a", "c", GuardTarget::Value("1".into()))));
        assert!(holds(guard("x", "", GuardTarget::CreateRevision(0))));
        assert!(!holds(guard("x", "", GuardTarget::Value(Blob::default()))));
    }

    #[test]
    fn the_keys_of_a_lease_end_with_it() {
        let mut cluster = Cluster::new(1, 1, usize::MAX);
        let (_, body) = cluster.execute(&Request::LeaseGrant { id: 0, ttl: 5 }, 1_000);
        let AnswerBody::Lease { id, .. } = body else { panic!("{body:?}") };
        assert_eq!(cluster.expires(id), Some(5_000_001_000));
        cluster.execute(&Request::Lock { name: "lock".into(), lease: id }, 0);
        assert_eq!((cluster.revision(), cluster.content().len(), cluster.lease_ids().len()), (2, 1, 1));
        cluster.execute(&Request::LeaseRevoke { id }, 0);
        assert_eq!((cluster.revision(), cluster.content().len(), cluster.lease_ids().len()), (3, 0, 0));
    }
}
