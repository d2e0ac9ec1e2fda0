//! Requests and answers at etcd's level. They know nothing of tickets, so that any etcd history can be judged.

use serde::{Deserialize, Serialize};

use crate::{Blob, Revision};

/// A request to one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// A read of a key or a range.
    Range(Range),
    /// A write of one key.
    Put(Put),
    /// A deletion of a key or a range.
    Delete(Delete),
    /// A guarded transaction.
    Txn(Txn),
    /// A compaction up to the revision.
    Compact(Revision),
    /// A new lease with this time to live, in seconds.
    LeaseGrant {
        /// The id asked for; 0 lets etcd choose.
        id: i64,
        /// Seconds.
        ttl: i64,
    },
    /// One keep-alive of a lease.
    LeaseKeepAlive {
        /// The lease.
        id: i64,
    },
    /// The end of a lease and of every key attached to it.
    LeaseRevoke {
        /// The lease.
        id: i64,
    },
    /// etcd's own lock: it waits until it holds the lock and answers with the key that says so, `name/lease`. The key goes
    /// away with the lease, or by a plain deletion.
    Lock {
        /// The name of the lock.
        name: Blob,
        /// The lease that holds it.
        lease: i64,
    },
    /// A defragmentation of the member's own database file.
    Defragment,
}

/// A read of the keys in `[key, range_end)`; an empty `range_end` names the one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First key.
    pub key: Blob,
    /// First key behind the range; empty for a single key; the byte 0 for "to the end".
    pub range_end: Blob,
    /// Read at this revision; 0 for the newest.
    pub revision: Revision,
    /// At most this many keys; 0 for all.
    pub limit: i64,
    /// May be answered from the member's own state, which may be stale.
    pub serializable: bool,
    /// Without values.
    pub keys_only: bool,
    /// Only the count.
    pub count_only: bool,
}

/// A write of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// The key.
    pub key: Blob,
    /// Its new value.
    pub value: Blob,
    /// The lease it is attached to; 0 for none.
    pub lease: i64,
}

/// A deletion of the keys in `[key, range_end)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// First key.
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    pub range_end: Blob,
}

/// A transaction: when every guard holds the `success` operations are carried out, else the `failure` ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Txn {
    /// The conditions.
    pub guards: Vec<Guard>,
    /// What is done when all of them hold.
    pub success: Vec<TxnOp>,
    /// What is done otherwise.
    pub failure: Vec<TxnOp>,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxnOp {
    /// A read.
    Range(Range),
    /// A write.
    Put(Put),
    /// A deletion.
    Delete(Delete),
}

/// A condition of a transaction. With a `range_end` it must hold for every key of the range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// First key.
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    pub range_end: Blob,
    /// What is compared.
    pub target: GuardTarget,
    /// How.
    pub relation: Relation,
}

/// What a guard compares, with the value it is compared to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GuardTarget {
    /// Times the key was written since it was created; 0 when it does not exist.
    Version(i64),
    /// Revision of its creation; 0 when it does not exist.
    CreateRevision(Revision),
    /// Revision of its last write; 0 when it does not exist.
    ModRevision(Revision),
    /// Its value.
    Value(Blob),
    /// Its lease.
    Lease(i64),
}

/// How a guard compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// The key's is greater.
    Greater,
    /// The key's is less.
    Less,
}

/// A key with its value and what etcd keeps about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyValue {
    /// The key.
    pub key: Blob,
    /// The value.
    pub value: Blob,
    /// Revision of its creation.
    pub create_revision: Revision,
    /// Revision of its last write.
    pub mod_revision: Revision,
    /// Times it was written since it was created.
    pub version: i64,
    /// The lease it is attached to; 0 for none.
    pub lease: i64,
}

/// An answer, with the header every answer of etcd carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The id of the member that says it answered.
    pub member_id: u64,
    /// The revision of the key space when the answer was made; for a write, the write's own.
    pub revision: Revision,
    /// The raft term.
    pub raft_term: u64,
    /// The rest.
    pub body: AnswerBody,
}

/// What an answer says, beside its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerBody {
    /// To a range.
    Range(RangeAnswer),
    /// To a put.
    Put,
    /// To a deletion.
    Delete {
        /// How many keys were deleted.
        deleted: i64,
    },
    /// To a transaction.
    Txn {
        /// Whether the guards held.
        succeeded: bool,
        /// One answer for each operation of the branch that was taken.
        responses: Vec<TxnAnswer>,
    },
    /// To a compaction.
    Compact,
    /// To a lease call: the lease, and the seconds granted or left.
    Lease {
        /// The lease.
        id: i64,
        /// Seconds; 0 or less from a keep-alive says that the lease is gone.
        ttl: i64,
    },
    /// To a lock: the key that holds it.
    Lock {
        /// `name/lease`, the lease in hexadecimal.
        key: Blob,
    },
    /// To a defragmentation.
    Defragment,
}

/// The answer to one operation of a transaction, with its own header revision: a read before a put in the same
/// transaction names the revision before the put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnAnswer {
    /// The sub-header's revision.
    pub revision: Revision,
    /// The rest.
    pub body: TxnAnswerBody,
}

/// What the answer to one operation of a transaction says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxnAnswerBody {
    /// To a range.
    Range(RangeAnswer),
    /// To a put.
    Put,
    /// To a deletion.
    Delete {
        /// How many keys were deleted.
        deleted: i64,
    },
}

/// What a range found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeAnswer {
    /// The keys, in order.
    pub kvs: Vec<KeyValue>,
    /// Whether there are more behind the limit.
    pub more: bool,
    /// How many keys the range holds, whatever the limit.
    pub count: i64,
}

/// The key by which etcd's lock service holds a lock, or waits for it: the name, and the lease in hexadecimal.
pub fn lock_key(name: &Blob, lease: i64) -> Blob {
    let mut key = name.as_bytes().to_vec();
    key.extend_from_slice(format!("/{lease:x}").as_bytes());
    key.into()
}

impl Request {
    /// Whether the request can write to the key space.
    pub fn may_write(&self) -> bool {
        match self {
            Self::Put(_) | Self::Delete(_) | Self::LeaseRevoke { .. } | Self::Lock { .. } => true,
            Self::Txn(txn) => txn.success.iter().chain(&txn.failure).any(|operation| !matches!(operation, TxnOp::Range(_))),
            Self::Range(_) | Self::Compact(_) | Self::LeaseGrant { .. } | Self::LeaseKeepAlive { .. } | Self::Defragment => false,
        }
    }

    /// Whether the answer comes through consensus: a serializable range may be stale, and a transaction of serializable
    /// ranges only is one too. So is one without any operation: etcd asks of each operation whether it needs consensus.
    pub fn is_linearizable(&self) -> bool {
        match self {
            Self::Range(range) => !range.serializable && range.revision == 0,
            Self::Put(_) | Self::Delete(_) => true,
            Self::Txn(txn) => {
                let serializable = |operation: &TxnOp| matches!(operation, TxnOp::Range(range) if range.serializable);
                !txn.success.iter().chain(&txn.failure).all(serializable)
            }
            Self::Compact(_)
            | Self::LeaseGrant { .. }
            | Self::LeaseKeepAlive { .. }
            | Self::LeaseRevoke { .. }
            | Self::Lock { .. }
            | Self::Defragment => false,
        }
    }
}

impl Answer {
    /// Whether the answered request wrote: it then is the author of the revision its header names.
    pub fn wrote(&self) -> bool {
        match &self.body {
            AnswerBody::Put => true,
            AnswerBody::Delete { deleted } => *deleted > 0,
            AnswerBody::Txn { responses, .. } => responses.iter().any(|response| match response.body {
                TxnAnswerBody::Put => true,
                TxnAnswerBody::Delete { deleted } => deleted > 0,
                TxnAnswerBody::Range(_) => false,
            }),
            // A lock writes its key, but answers with the revision at which it came to hold it.
            AnswerBody::Range(_) | AnswerBody::Compact | AnswerBody::Lease { .. } | AnswerBody::Lock { .. } | AnswerBody::Defragment => {
                false
            }
        }
    }
}
