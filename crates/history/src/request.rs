//! Requests and answers at etcd's level. They know nothing of tickets, so that any etcd history can be judged.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::auth::{AuthAnswer, AuthRequest};
use crate::decoding::{DecodeContext, decode_enum, decode_struct};
use crate::maintenance::{MaintenanceAnswer, MaintenanceRequest};
use crate::membership::{MembershipAnswer, MembershipRequest};
use crate::{Blob, Revision};

/// Whether a field need not be written.
fn is_default<Field: Default + PartialEq>(field: &Field) -> bool {
    *field == Field::default()
}

/// A request to one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub enum Request {
    /// A read of a key or a range.
    #[n(0)]
    Range(#[n(0)] Range),
    /// A write of one key.
    #[n(1)]
    Put(#[n(0)] Put),
    /// A deletion of a key or a range.
    #[n(2)]
    Delete(#[n(0)] Delete),
    /// A guarded transaction.
    #[n(3)]
    Txn(#[n(0)] Txn),
    /// A compaction.
    #[n(4)]
    Compact(#[n(0)] Compact),
    /// A new lease with this time to live, in seconds.
    #[n(5)]
    LeaseGrant {
        /// The requested id; 0 lets etcd choose.
        #[n(0)]
        id: i64,
        /// Seconds.
        #[n(1)]
        ttl: i64,
    },
    /// One keep-alive of a lease.
    #[n(6)]
    LeaseKeepAlive {
        /// The lease.
        #[n(0)]
        id: i64,
    },
    /// The end of a lease and of every key attached to it.
    #[n(7)]
    LeaseRevoke {
        /// The lease.
        #[n(0)]
        id: i64,
    },
    /// etcd's own lock: it waits until it holds the lock and answers with the key that proves it, `name/lease`. The key goes
    /// away with the lease, or by a plain deletion.
    #[n(8)]
    Lock {
        /// The name of the lock.
        #[n(0)]
        name: Blob,
        /// The lease that holds it.
        #[n(1)]
        lease: i64,
    },
    /// The end of a lock, or of waiting for it.
    #[n(9)]
    Unlock {
        /// The key that holds it.
        #[n(0)]
        key: Blob,
    },
    /// What is left of a lease.
    #[n(10)]
    LeaseTimeToLive {
        /// The lease.
        #[n(0)]
        id: i64,
        /// Whether the keys attached to it are requested.
        #[n(1)]
        keys: bool,
    },
    /// All leases.
    #[n(11)]
    Leases,
    /// Of the maintenance service.
    #[n(12)]
    Maintenance(#[n(0)] MaintenanceRequest),
    /// Of the cluster service.
    #[n(13)]
    Membership(#[n(0)] MembershipRequest),
    /// Of the auth service.
    #[n(14)]
    Auth(#[n(0)] AuthRequest),
}

/// A compaction: revisions below this one can no longer be read, except what is newest at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Compact {
    /// The revision.
    #[n(0)]
    pub revision: Revision,
    /// Answered only when it is carried out on disk too.
    #[n(1)]
    #[serde(default, skip_serializing_if = "is_default")]
    pub physical: bool,
}

/// A read of the keys in `[key, range_end)`; an empty `range_end` names the one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Range {
    /// First key.
    #[n(0)]
    pub key: Blob,
    /// First key behind the range; empty for a single key; the byte 0 for "to the end".
    #[n(1)]
    pub range_end: Blob,
    /// Read at this revision; 0 for the newest.
    #[n(2)]
    pub revision: Revision,
    /// At most this many keys; 0 for all.
    #[n(3)]
    pub limit: i64,
    /// May be answered from the member's own state, which may be stale.
    #[cbor(n(4), skip_if = "is_default")]
    pub serializable: bool,
    /// Without values.
    #[cbor(n(5), skip_if = "is_default")]
    pub keys_only: bool,
    /// Only the count.
    #[cbor(n(6), skip_if = "is_default")]
    pub count_only: bool,
    /// The order of the keys.
    #[cbor(n(7), skip_if = "is_default")]
    #[serde(default, skip_serializing_if = "is_default")]
    pub sort: Sort,
    /// Bounds of the revisions of the keys.
    #[cbor(n(8), skip_if = "is_default")]
    #[serde(default, skip_serializing_if = "is_default")]
    pub filter: RevisionFilter,
}

/// An order of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Sort {
    /// Which way.
    #[n(0)]
    pub order: SortOrder,
    /// By what.
    #[n(1)]
    pub target: SortTarget,
}

/// Which way keys are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum SortOrder {
    /// As etcd keeps them: upwards by key.
    #[default]
    #[n(0)]
    None,
    /// Upwards.
    #[n(1)]
    Ascend,
    /// Downwards.
    #[n(2)]
    Descend,
}

/// What keys are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum SortTarget {
    /// The key.
    #[default]
    #[n(0)]
    Key,
    /// Its version.
    #[n(1)]
    Version,
    /// The revision of its creation.
    #[n(2)]
    CreateRevision,
    /// The revision of its last write.
    #[n(3)]
    ModRevision,
    /// Its value.
    #[n(4)]
    Value,
}

/// Bounds of revisions, each included; 0 for none. etcd applies them before the limit; the count of the response is that of the
/// range without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct RevisionFilter {
    /// Written last at this revision or later.
    #[n(0)]
    pub min_mod: Revision,
    /// Written last at this revision or earlier.
    #[n(1)]
    pub max_mod: Revision,
    /// Created at this revision or later.
    #[n(2)]
    pub min_create: Revision,
    /// Created at this revision or earlier.
    #[n(3)]
    pub max_create: Revision,
}

/// A write of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Put {
    /// The key.
    #[n(0)]
    pub key: Blob,
    /// Its new value.
    #[n(1)]
    pub value: Blob,
    /// The lease it is attached to; 0 for none.
    #[cbor(n(2), skip_if = "is_default")]
    pub lease: i64,
    /// The response names what the key was before.
    #[cbor(n(3), skip_if = "is_default")]
    #[serde(default, skip_serializing_if = "is_default")]
    pub prev_kv: bool,
    /// The key keeps its value; an error when it does not exist.
    #[cbor(n(4), skip_if = "is_default")]
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_value: bool,
    /// The key keeps its lease; an error when it does not exist.
    #[cbor(n(5), skip_if = "is_default")]
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_lease: bool,
}

/// A deletion of the keys in `[key, range_end)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Delete {
    /// First key.
    #[n(0)]
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    #[n(1)]
    pub range_end: Blob,
    /// The response names what the keys were before.
    #[n(2)]
    #[serde(default, skip_serializing_if = "is_default")]
    pub prev_kv: bool,
}

/// A transaction: when every guard holds the `success` operations are carried out, else the `failure` ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Txn {
    /// The conditions.
    #[n(0)]
    pub guards: Vec<Guard>,
    /// What is done when all of them hold.
    #[n(1)]
    pub success: Vec<TxnOp>,
    /// What is done otherwise.
    #[n(2)]
    pub failure: Vec<TxnOp>,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub enum TxnOp {
    /// A read.
    #[n(0)]
    Range(#[n(0)] Range),
    /// A write.
    #[n(1)]
    Put(#[n(0)] Put),
    /// A deletion.
    #[n(2)]
    Delete(#[n(0)] Delete),
    /// A transaction of its own. Its guards are evaluated before anything of the outer one is carried out; its reads see what
    /// the operations before it wrote (`compareToPath` and `applyTxn` in etcd's `apply.go`).
    #[n(3)]
    Txn(#[n(0)] Box<Txn>),
}

/// A condition of a transaction. With a `range_end` it must hold for every key of the range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Guard {
    /// First key.
    #[n(0)]
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    #[n(1)]
    pub range_end: Blob,
    /// What is compared.
    #[n(2)]
    pub target: GuardTarget,
    /// How.
    #[n(3)]
    pub relation: Relation,
}

/// What a guard compares, with the value it is compared to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub enum GuardTarget {
    /// Times the key was written since it was created; 0 when it does not exist.
    #[n(0)]
    Version(#[n(0)] i64),
    /// Revision of its creation; 0 when it does not exist.
    #[n(1)]
    CreateRevision(#[n(0)] Revision),
    /// Revision of its last write; 0 when it does not exist.
    #[n(2)]
    ModRevision(#[n(0)] Revision),
    /// Its value.
    #[n(3)]
    Value(#[n(0)] Blob),
    /// Its lease.
    #[n(4)]
    Lease(#[n(0)] i64),
}

/// How a guard compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(index_only)]
pub enum Relation {
    /// Equal.
    #[n(0)]
    Equal,
    /// Not equal.
    #[n(1)]
    NotEqual,
    /// The key's is greater.
    #[n(2)]
    Greater,
    /// The key's is less.
    #[n(3)]
    Less,
}

/// A key with its value and what etcd keeps about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct KeyValue {
    /// The key.
    #[n(0)]
    pub key: Blob,
    /// The value.
    #[n(1)]
    pub value: Blob,
    /// Revision of its creation.
    #[n(2)]
    pub create_revision: Revision,
    /// Revision of its last write.
    #[n(3)]
    pub mod_revision: Revision,
    /// Times it was written since it was created.
    #[n(4)]
    pub version: i64,
    /// The lease it is attached to; 0 for none.
    #[cbor(n(5), skip_if = "is_default")]
    pub lease: i64,
}

/// An answer, with the header every answer of etcd carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Answer {
    /// The id of the member that answered, as it reports.
    #[n(0)]
    pub member_id: u64,
    /// The revision of the key space when the answer was made; for a write, the write's own.
    #[n(1)]
    pub revision: Revision,
    /// The raft term.
    #[n(2)]
    pub raft_term: u64,
    /// The rest.
    #[n(3)]
    pub body: AnswerBody,
}

/// The content of an answer, without its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub enum AnswerBody {
    /// To a range.
    #[n(0)]
    Range(#[n(0)] RangeAnswer),
    /// To a put.
    #[n(1)]
    Put {
        /// The key as it was before, where that was requested and the key existed.
        #[n(0)]
        #[serde(default, skip_serializing_if = "is_default")]
        prev_kv: Option<Box<KeyValue>>,
    },
    /// To a deletion.
    #[n(2)]
    Delete {
        /// How many keys were deleted.
        #[n(0)]
        deleted: i64,
        /// The keys as they were before, where that was requested.
        #[n(1)]
        #[serde(default, skip_serializing_if = "is_default")]
        prev_kvs: Vec<KeyValue>,
    },
    /// To a transaction.
    #[n(3)]
    Txn {
        /// Whether the guards held.
        #[n(0)]
        succeeded: bool,
        /// One answer for each operation of the branch that was taken.
        #[n(1)]
        responses: Vec<TxnAnswer>,
    },
    /// To a compaction.
    #[n(4)]
    Compact,
    /// To a lease call: the lease, and the seconds granted or left.
    #[n(5)]
    Lease {
        /// The lease.
        #[n(0)]
        id: i64,
        /// Seconds; 0 or less from a keep-alive means that the lease is gone.
        #[n(1)]
        ttl: i64,
    },
    /// To a lock: the key that holds it.
    #[n(6)]
    Lock {
        /// `name/lease`, the lease in hexadecimal.
        #[n(0)]
        key: Blob,
    },
    /// To the end of a lock.
    #[n(7)]
    Unlock,
    /// What is left of a lease.
    #[n(8)]
    LeaseTimeToLive {
        /// The lease.
        #[n(0)]
        id: i64,
        /// Seconds left; -1 when there is no such lease.
        #[n(1)]
        ttl: i64,
        /// Seconds granted.
        #[n(2)]
        granted: i64,
        /// The keys attached to it, where they were requested.
        #[n(3)]
        keys: Vec<Blob>,
    },
    /// All leases.
    #[n(9)]
    Leases(#[n(0)] Vec<i64>),
    /// Of the maintenance service.
    #[n(10)]
    Maintenance(#[n(0)] MaintenanceAnswer),
    /// Of the cluster service.
    #[n(11)]
    Membership(#[n(0)] MembershipAnswer),
    /// Of the auth service.
    #[n(12)]
    Auth(#[n(0)] AuthAnswer),
}

/// The answer to one operation of a transaction, with its own header revision: a read before a put in the same
/// transaction names the revision before the put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct TxnAnswer {
    /// The sub-header's revision.
    #[n(0)]
    pub revision: Revision,
    /// The rest.
    #[n(1)]
    pub body: TxnAnswerBody,
}

/// The content of the answer to one operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub enum TxnAnswerBody {
    /// To a range.
    #[n(0)]
    Range(#[n(0)] RangeAnswer),
    /// To a put.
    #[n(1)]
    Put {
        /// The key as it was before, where that was requested and the key existed.
        #[n(0)]
        #[serde(default, skip_serializing_if = "is_default")]
        prev_kv: Option<Box<KeyValue>>,
    },
    /// To a deletion.
    #[n(2)]
    Delete {
        /// How many keys were deleted.
        #[n(0)]
        deleted: i64,
        /// The keys as they were before, where that was requested.
        #[n(1)]
        #[serde(default, skip_serializing_if = "is_default")]
        prev_kvs: Vec<KeyValue>,
    },
    /// To a transaction of its own.
    #[n(3)]
    Txn {
        /// Whether its guards held.
        #[n(0)]
        succeeded: bool,
        /// One answer for each operation of the branch that was taken.
        #[n(1)]
        responses: Vec<TxnAnswer>,
    },
}

/// What a range found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct RangeAnswer {
    /// The keys, in order.
    #[n(0)]
    pub kvs: Vec<KeyValue>,
    /// Whether there are more behind the limit.
    #[n(1)]
    pub more: bool,
    /// How many keys the range holds, without the limit.
    #[n(2)]
    pub count: i64,
}

decode_enum!(Request {
    0 => Range(any),
    1 => Put(any),
    2 => Delete(any),
    3 => Txn(any),
    4 => Compact(any),
    5 => LeaseGrant { id: signed, ttl: signed },
    6 => LeaseKeepAlive { id: signed },
    7 => LeaseRevoke { id: signed },
    8 => Lock { name: any, lease: signed },
    9 => Unlock { key: any },
    10 => LeaseTimeToLive { id: signed, keys: flag },
    11 => Leases(),
    12 => Maintenance(any),
    13 => Membership(any),
    14 => Auth(any),
});

decode_struct!(Range {
    key: any, range_end: any, revision: signed, limit: signed;
    serializable: flag, keys_only: flag, count_only: flag, sort: any, filter: any
});
decode_struct!(Put { key: any, value: any; lease: signed, prev_kv: flag, ignore_value: flag, ignore_lease: flag });
decode_struct!(Txn { guards: list, success: list, failure: list });
decode_enum!(TxnOp { 0 => Range(any), 1 => Put(any), 2 => Delete(any), 3 => Txn(nested) });
decode_struct!(Guard { key: any, range_end: any, target: any, relation: any });
decode_enum!(GuardTarget {
    0 => Version(signed), 1 => CreateRevision(signed), 2 => ModRevision(signed), 3 => Value(any), 4 => Lease(signed)
});

decode_struct!(KeyValue { key: any, value: any, create_revision: signed, mod_revision: signed, version: signed; lease: signed });
decode_struct!(Answer { member_id: unsigned, revision: signed, raft_term: unsigned, body: any });
decode_enum!(AnswerBody {
    0 => Range(any),
    1 => Put { ; prev_kv: present },
    2 => Delete { deleted: signed, prev_kvs: list },
    3 => Txn { succeeded: flag, responses: list },
    4 => Compact(),
    5 => Lease { id: signed, ttl: signed },
    6 => Lock { key: any },
    7 => Unlock(),
    8 => LeaseTimeToLive { id: signed, ttl: signed, granted: signed, keys: list },
    9 => Leases(any),
    10 => Maintenance(any),
    11 => Membership(any),
    12 => Auth(any),
});
decode_struct!(TxnAnswer { revision: signed, body: any });
decode_enum!(TxnAnswerBody {
    0 => Range(any),
    1 => Put { ; prev_kv: present },
    2 => Delete { deleted: signed, prev_kvs: list },
    3 => Txn { succeeded: flag, responses: nested },
});
decode_struct!(RangeAnswer { kvs: list, more: flag, count: signed });

/// The end of the range of all keys that begin with `prefix`, as etcd counts ranges: the first key after them, or the single
/// byte 0 ("to the end of the key space") if there is none.
pub fn prefix_end(prefix: &[u8]) -> Blob {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end.into();
        }
    }
    Blob::from(&[0u8][..])
}

/// The key by which etcd's lock service holds a lock, or waits for it: the name, and the lease in hexadecimal.
pub fn lock_key(name: &Blob, lease: i64) -> Blob {
    let mut key = name.as_bytes().to_vec();
    key.extend_from_slice(format!("/{lease:x}").as_bytes());
    key.into()
}

impl Request {
    /// A compaction at this revision, answered when it is decided.
    pub fn compact(revision: Revision) -> Self {
        Self::Compact(Compact { revision, physical: false })
    }

    /// Whether the request can write to the key space.
    pub fn may_write(&self) -> bool {
        match self {
            Self::Put(_) | Self::Delete(_) | Self::LeaseRevoke { .. } | Self::Lock { .. } | Self::Unlock { .. } => true,
            Self::Txn(txn) => txn.operations().any(|operation| !matches!(operation, TxnOp::Range(_))),
            Self::Range(_)
            | Self::Compact(_)
            | Self::LeaseGrant { .. }
            | Self::LeaseKeepAlive { .. }
            | Self::LeaseTimeToLive { .. }
            | Self::Leases
            | Self::Maintenance(_)
            | Self::Membership(_)
            | Self::Auth(_) => false,
        }
    }

    /// Whether the answer comes through consensus: a serializable range may be stale, and a transaction of serializable
    /// ranges only is one too. So is one without any operation: etcd decides by each operation whether consensus is needed.
    pub fn is_linearizable(&self) -> bool {
        match self {
            Self::Range(range) => !range.serializable && range.revision == 0,
            Self::Put(_) | Self::Delete(_) => true,
            Self::Txn(txn) => !txn.is_serializable(),
            Self::Compact(_)
            | Self::LeaseGrant { .. }
            | Self::LeaseKeepAlive { .. }
            | Self::LeaseRevoke { .. }
            | Self::LeaseTimeToLive { .. }
            | Self::Leases
            | Self::Lock { .. }
            | Self::Unlock { .. }
            | Self::Maintenance(_)
            | Self::Membership(_)
            | Self::Auth(_) => false,
        }
    }
}

impl Txn {
    /// The operations that are carried out when the guards hold, or do not hold.
    pub fn branch(&self, succeeded: bool) -> &[TxnOp] {
        if succeeded { &self.success } else { &self.failure }
    }

    /// The operations of both branches that are no transaction themselves, those of nested transactions included.
    pub fn operations(&self) -> impl Iterator<Item = &TxnOp> {
        let mut left: Vec<std::slice::Iter<'_, TxnOp>> = vec![self.failure.iter(), self.success.iter()];
        std::iter::from_fn(move || {
            loop {
                match left.last_mut()?.next() {
                    None => drop(left.pop()),
                    Some(TxnOp::Txn(txn)) => left.extend([txn.failure.iter(), txn.success.iter()]),
                    Some(operation) => return Some(operation),
                }
            }
        })
    }

    /// Whether etcd answers it from the member's own state. It decides by each operation, and a nested transaction counts as one
    /// that needs consensus (`isTxnSerializable` in etcd's `v3_server.go`).
    fn is_serializable(&self) -> bool {
        self.success.iter().chain(&self.failure).all(|operation| matches!(operation, TxnOp::Range(range) if range.serializable))
    }
}

/// The operations that an answered transaction carried out, each with its answer; those of nested transactions in their place.
/// Stops where there are more operations than answers.
pub fn carried_out<'call>(txn: &'call Txn, succeeded: bool, responses: &'call [TxnAnswer]) -> CarriedOut<'call> {
    CarriedOut { innermost: (txn.branch(succeeded).iter(), responses.iter()), outer: Vec::new() }
}

/// See [`carried_out`].
#[derive(Clone, Debug)]
pub struct CarriedOut<'call> {
    innermost: Left<'call>,
    outer: Vec<Left<'call>>,
}

/// What is left of a branch: its operations, and their answers.
type Left<'call> = (std::slice::Iter<'call, TxnOp>, std::slice::Iter<'call, TxnAnswer>);

impl<'call> Iterator for CarriedOut<'call> {
    type Item = (&'call TxnOp, &'call TxnAnswer);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match (self.innermost.0.next(), self.innermost.1.next()) {
                (Some(TxnOp::Txn(txn)), Some(TxnAnswer { body: TxnAnswerBody::Txn { succeeded, responses }, .. })) => {
                    let nested = (txn.branch(*succeeded).iter(), responses.iter());
                    self.outer.push(std::mem::replace(&mut self.innermost, nested));
                }
                (Some(operation), Some(answer)) => return Some((operation, answer)),
                _ => self.innermost = self.outer.pop()?,
            }
        }
    }
}

impl Answer {
    /// Whether the answered request wrote: it then is the author of the revision its header names.
    pub fn wrote(&self) -> bool {
        match &self.body {
            AnswerBody::Put { .. } => true,
            AnswerBody::Delete { deleted, .. } => *deleted > 0,
            AnswerBody::Txn { responses, .. } => responses.iter().any(TxnAnswer::wrote),
            // A lock writes its key, but answers with the revision at which it came to hold it. The end of a lock deletes its key,
            // if there was one.
            AnswerBody::Range(_)
            | AnswerBody::Compact
            | AnswerBody::Lease { .. }
            | AnswerBody::LeaseTimeToLive { .. }
            | AnswerBody::Leases(_)
            | AnswerBody::Lock { .. }
            | AnswerBody::Unlock
            | AnswerBody::Maintenance(_)
            | AnswerBody::Membership(_)
            | AnswerBody::Auth(_) => false,
        }
    }
}

impl TxnAnswer {
    /// Whether the operation wrote.
    pub fn wrote(&self) -> bool {
        match &self.body {
            TxnAnswerBody::Put { .. } => true,
            TxnAnswerBody::Delete { deleted, .. } => *deleted > 0,
            TxnAnswerBody::Range(_) => false,
            TxnAnswerBody::Txn { responses, .. } => responses.iter().any(Self::wrote),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key() {
        assert_eq!(prefix_end(b"a:").as_bytes(), b"a;");
        assert_eq!(prefix_end(&[b'a', 0xff]).as_bytes(), b"b");
        assert_eq!(prefix_end(b"").as_bytes(), [0]);
    }
}
