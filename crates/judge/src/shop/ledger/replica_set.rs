//! The members that have an entry or a value, by audit.

use crate::core::audits::MemberSet;
use ticketcd_history::audit::AuditStage;

/// The members that have it, by audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplicaSet {
    healed: MemberSet,
    restarted: MemberSet,
}

impl ReplicaSet {
    /// The audits, in their order.
    pub(super) const STAGES: [AuditStage; 2] = [AuditStage::Healed, AuditStage::Restarted];

    /// The members in one audit.
    pub(super) fn of(&self, stage: AuditStage) -> MemberSet {
        match stage {
            AuditStage::Healed => self.healed,
            AuditStage::Restarted => self.restarted,
        }
    }

    /// Adds members. Returns those that had it already.
    pub(super) fn add(&mut self, stage: AuditStage, members: MemberSet) -> MemberSet {
        let replicas = match stage {
            AuditStage::Healed => &mut self.healed,
            AuditStage::Restarted => &mut self.restarted,
        };
        let again = *replicas & members;
        *replicas |= members;
        again
    }

    /// The members in any audit.
    pub(super) fn in_any_audit(&self) -> MemberSet {
        self.healed | self.restarted
    }
}
