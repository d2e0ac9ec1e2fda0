//! What is asked of every member when the load is over and everything is healed.

use serde::{Deserialize, Serialize};

use crate::request::KeyValue;
use crate::{MemberIndex, Nanos, Revision};

/// When an audit was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditStage {
    /// After everything was healed and the drain.
    Healed,
    /// After all members were stopped and started again.
    Restarted,
}

/// A page of a member's own content: the whole key space, read serializably from that member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// Which audit.
    pub stage: AuditStage,
    /// Which member.
    pub member: MemberIndex,
    /// The revision of the read, the same on every page of this member.
    pub revision: Revision,
    /// The keys, in order; pages follow each other.
    pub kvs: Vec<KeyValue>,
}

/// The end of the audit of one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditClosed {
    /// Which audit.
    pub stage: AuditStage,
    /// Which member.
    pub member: MemberIndex,
    /// When.
    pub at: Nanos,
    /// What the member said, or why it could not be asked.
    pub outcome: Result<AuditFacts, String>,
}

/// What a member says about itself at rest. It is taken twice; only when both agree is the member at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFacts {
    /// Before the content was read.
    pub before: AuditStatus,
    /// After it was read.
    pub after: AuditStatus,
    /// Ids of the leases the member knows, in order.
    pub leases: Vec<i64>,
}

/// A member's position and the hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditStatus {
    /// The last raft entry it applied.
    pub applied_index: u64,
    /// The revision of its key space.
    pub revision: Revision,
    /// HashKV at `revision`.
    pub hash: u32,
    /// The revision up to which it is compacted; hashes are comparable only where this is equal.
    pub compact_revision: Revision,
}
