//! The audit of every member, after the load is over and everything is healed.

use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decode, Decoder, Encode};
use serde::{Deserialize, Serialize};

use crate::decoding::{DecodeContext, list};
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
    /// After all members were restarted.
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
    #[cbor(n(3), decode_with = "list")]
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
    /// What the member reported, or why it could not be audited.
    #[n(3)]
    #[cbor(decode_with = "decode_outcome")]
    pub outcome: Result<AuditFacts, AuditFailure>,
}

/// Why a member could not be audited, after several attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum AuditFailure {
    /// It answered, but its state changed during each attempt. This is the last one.
    #[error(
        "not at rest: applied index {} then {}, revision {} then {}, hash {} then {}",
        before.applied_index, after.applied_index, before.revision, after.revision, before.hash, after.hash
    )]
    #[n(0)]
    NotAtRest {
        /// Before the content was read.
        #[n(0)]
        before: AuditStatus,
        /// After it was read.
        #[n(1)]
        after: AuditStatus,
    },
    /// It did not answer the last attempt.
    #[error("{detail}")]
    #[n(1)]
    NotAnswered {
        /// The error.
        #[n(0)]
        detail: String,
    },
}

/// Early runs of format 3 contain a failure as text.
fn decode_outcome<'bytes, C>(decoder: &mut Decoder<'bytes>, context: &mut C) -> Result<Result<AuditFacts, AuditFailure>, Error> {
    let mut ahead = decoder.probe();
    ahead.array()?;
    ahead.u32()?;
    if ahead.datatype()? != Type::String {
        return Decode::decode(decoder, context);
    }
    decoder.array()?;
    decoder.u32()?;
    Ok(Err(AuditFailure::NotAnswered { detail: decoder.str()?.to_owned() }))
}

/// The state of a member at rest. It is taken twice; only when both are equal is the member at rest.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_was_recorded_as_text_is_read() {
        let at: Nanos = 7;
        let early = (AuditStage::Restarted, MemberIndex(2), at, Err::<AuditFacts, _>("asked 20 times: it does not respond"));
        let closed: AuditClosed = minicbor::decode(&minicbor::to_vec(early).unwrap()).unwrap();
        let detail = "asked 20 times: it does not respond".to_owned();
        let outcome = Err(AuditFailure::NotAnswered { detail });
        assert_eq!(closed, AuditClosed { stage: AuditStage::Restarted, member: MemberIndex(2), at, outcome });
        let bytes = minicbor::to_vec(&closed).unwrap();
        assert_eq!(minicbor::decode::<AuditClosed>(&bytes).unwrap(), closed);
    }
}
