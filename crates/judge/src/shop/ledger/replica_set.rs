//! The members that have something, by the audit that found it there.

use crate::core::audits::MemberSet;
use ticketcd_history::audit::AuditStage;

/// The members that have something, by audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplicaSet {
    healed: MemberSet,
    restarted: MemberSet,
}

impl ReplicaSet {
    /// The audits, in their order.
    pub(super) const STAGES: [AuditStage; 2] = [AuditStage::Healed, AuditStage::Restarted];

    /// Those of an audit.
    pub(super) fn of(&self, stage: AuditStage) -> MemberSet {
        match stage {
            AuditStage::Healed => self.healed,
            AuditStage::Restarted => self.restarted,
        }
    }

    /// Adds members. Gives those of them that had it already.
    pub(super) fn add(&mut self, stage: AuditStage, members: MemberSet) -> MemberSet {
        let replicas = match stage {
            AuditStage::Healed => &mut self.healed,
            AuditStage::Restarted => &mut self.restarted,
        };
        let again = *replicas & members;
        *replicas |= members;
        again
    }

    /// Those of any audit.
    pub(super) fn in_any_audit(&self) -> MemberSet {
        self.healed | self.restarted
    }
}
