//! The members of the simulated cluster: which are up, which serve whom, what they report.

use super::{Cluster, member_id};
use ticketcd_history::event::{MemberSample, MemberStatus};
use ticketcd_history::{MemberIndex, Nanos, Revision};

/// The member that leads.
const LEADER: MemberIndex = MemberIndex(0);

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) is_up: bool,
    pub(crate) incarnation: u32,
    /// The watch of its collector.
    pub(crate) subscription: u32,
    /// The last revision its collector delivered.
    pub(crate) delivered: Revision,
    /// The highest revision that it named in a response.
    pub(crate) answered: Revision,
    /// Whether its next delivery is scheduled.
    pub(crate) delivery_due: bool,
}

impl Default for Member {
    fn default() -> Self {
        Self { is_up: true, incarnation: 1, subscription: 0, delivered: 1, answered: 1, delivery_due: false }
    }
}

impl Cluster {
    /// The members in order.
    pub(crate) fn indices(&self) -> impl Iterator<Item = MemberIndex> + use<> {
        (0..self.members.len()).map(|index| MemberIndex(index as u8))
    }

    /// A member.
    pub(crate) fn member(&mut self, member: MemberIndex) -> &mut Member {
        &mut self.members[member.index()]
    }

    /// The members that are up, in order.
    pub(crate) fn up(&self) -> Vec<MemberIndex> {
        self.indices().filter(|member| self.members[member.index()].is_up).collect()
    }

    /// The member that serves a worker: its own, or the leader while that one is down.
    pub(crate) fn serving(&self, worker: u32) -> MemberIndex {
        let home = MemberIndex((worker as usize % self.members.len()) as u8);
        if self.members[home.index()].is_up { home } else { LEADER }
    }

    /// A member's process starts again: its incarnation.
    pub(crate) fn restart(&mut self, member: MemberIndex) -> u32 {
        let state = self.member(member);
        state.is_up = true;
        state.incarnation += 1;
        state.incarnation
    }

    /// What a member reports of itself; one that is down reports nothing.
    pub(crate) fn sample(&self, member: MemberIndex, at: Nanos) -> MemberSample {
        let status = self.members[member.index()].is_up.then(|| MemberStatus {
            member_id: member_id(member),
            leader_id: member_id(LEADER),
            raft_term: self.raft_term,
            applied_index: self.applied_index(),
            revision: self.revision(),
            database_bytes: 1 << 20,
            errors: Vec::new(),
        });
        MemberSample { member, at, status }
    }

    /// Entries of the raft log that every member has applied.
    pub(super) fn applied_index(&self) -> u64 {
        self.revision().unsigned_abs() + 10
    }
}
