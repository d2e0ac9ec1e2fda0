//! What an audit reads from a member of the simulated cluster.

use super::Cluster;
use ticketcd_history::audit::{AuditClosed, AuditFacts, AuditFailure, AuditPage, AuditStage, AuditStatus};
use ticketcd_history::request::KeyValue;
use ticketcd_history::{MemberIndex, Nanos};

impl Cluster {
    /// The content of a member, in pages.
    pub(crate) fn audit_pages(&self, stage: AuditStage, member: MemberIndex, content: &[KeyValue], page_keys: usize) -> Vec<AuditPage> {
        let page = |kvs: &[KeyValue]| AuditPage { stage, member, revision: self.revision(), kvs: kvs.to_vec() };
        content.chunks(page_keys.max(1)).map(page).collect()
    }

    /// The position of a member and the leases it knows: the same before and after its content was read.
    pub(crate) fn audit_facts(&self) -> AuditFacts {
        let revision = self.revision();
        let hash = (self.seed ^ revision.unsigned_abs().rotate_left(7)) as u32;
        let status = AuditStatus { applied_index: self.applied_index(), revision, hash, compact_revision: 0 };
        AuditFacts { before: status.clone(), after: status, leases: self.lease_ids() }
    }

    /// The end of the audit of a member; one that is down cannot be audited.
    pub(crate) fn audited(&self, stage: AuditStage, member: MemberIndex, at: Nanos, facts: AuditFacts) -> AuditClosed {
        let is_up = self.members[member.index()].is_up;
        let outcome = if is_up { Ok(facts) } else { Err(AuditFailure::NotAnswered { detail: "connection refused".to_owned() }) };
        AuditClosed { stage, member, at, outcome }
    }
}
