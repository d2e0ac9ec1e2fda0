//! What is asked of every member when the load is over and everything is healed.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::decoding::DecodeContext;
use crate::request::KeyValue;
use crate::{MemberIndex, Nanos, Revision};

/// When an audit was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum AuditStage {
    /// After everything was healed and the drain.
    #[n(0)]
    Healed,
    /// After all members were stopped and started again.
    #[n(1)]
    Restarted,
}

/// A page of a member's own content: the whole key space, read serializably from that member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(context_bound = "DecodeContext")]
pub struct AuditPage {
    /// Which audit.
    #[n(0)]
    pub stage: AuditStage,
    /// Which member.
    #[n(1)]
    pub member: MemberIndex,
    /// The revision of the read, the same on every page of this member.
    #[n(2)]
    pub revision: Revision,
    /// The keys, in order; pages follow each other.
    #[n(3)]
    pub kvs: Vec<KeyValue>,
}

/// The end of the audit of one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct AuditClosed {
    /// Which audit.
    #[n(0)]
    pub stage: AuditStage,
    /// Which member.
    #[n(1)]
    pub member: MemberIndex,
    /// When.
    #[n(2)]
    pub at: Nanos,
    /// What the member said, or why it could not be asked.
    #[n(3)]
    pub outcome: Result<AuditFacts, String>,
}

/// What a member says about itself at rest. It is taken twice; only when both agree is the member at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct AuditFacts {
    /// Before the content was read.
    #[n(0)]
    pub before: AuditStatus,
    /// After it was read.
    #[n(1)]
    pub after: AuditStatus,
    /// Ids of the leases the member knows, in order.
    #[n(2)]
    pub leases: Vec<i64>,
}

/// A member's position and the hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct AuditStatus {
    /// The last raft entry it applied.
    #[n(0)]
    pub applied_index: u64,
    /// The revision of its key space.
    #[n(1)]
    pub revision: Revision,
    /// HashKV at `revision`.
    #[n(2)]
    pub hash: u32,
    /// The revision up to which it is compacted; hashes are comparable only where this is equal.
    #[n(3)]
    pub compact_revision: Revision,
}
