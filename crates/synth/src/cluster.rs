//! The made-up cluster: who is up, what was written, and who has delivered how much of it.

use std::collections::VecDeque;

use ticketcd_history::watch::WatchEvent;
use ticketcd_judge::model::{MemberIndex, Revision};

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) is_up: bool,
    pub(super) incarnation: u32,
    pub(super) subscription: u32,
    /// The last revision its collector delivered.
    pub(super) delivered: Revision,
    /// The highest revision that it answered with.
    pub(super) answered: Revision,
    /// Whether its next delivery is in the queue.
    pub(super) delivery_due: bool,
}

/// The cluster: one log of revisions, and what each member has delivered of it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) revision: Revision,
    pub(super) members: Vec<Member>,
    subscriptions: u32,
    /// The revisions that not every collector has delivered yet.
    log: VecDeque<(Revision, Vec<WatchEvent>)>,
}

impl Cluster {
    pub(super) fn new(members: u8) -> Self {
        let member = Member { is_up: true, incarnation: 1, subscription: 0, delivered: 1, answered: 1, delivery_due: false };
        Self { revision: 1, members: vec![member; usize::from(members)], subscriptions: 0, log: VecDeque::new() }
    }

    /// A member's collector begins to watch behind what was delivered: the number of its watch, and where it begins.
    pub(super) fn subscribe(&mut self, member: MemberIndex) -> (u32, Revision) {
        let subscription = self.subscriptions;
        self.subscriptions += 1;
        let state = self.member(member);
        state.subscription = subscription;
        (subscription, state.delivered + i64::from(state.delivered > 1))
    }

    /// The members in order.
    pub(super) fn indices(&self) -> impl Iterator<Item = MemberIndex> + use<> {
        (0..self.members.len()).map(|index| MemberIndex(index as u8))
    }

    pub(super) fn member(&mut self, member: MemberIndex) -> &mut Member {
        &mut self.members[member.index()]
    }

    /// The member that serves a worker: its own, or the leader while that one is down.
    pub(super) fn serving(&self, worker: u32) -> MemberIndex {
        let home = MemberIndex((worker as usize % self.members.len()) as u8);
        if self.members[home.index()].is_up { home } else { MemberIndex(0) }
    }

    /// A revision is written.
    pub(super) fn log(&mut self, events: Vec<WatchEvent>) {
        self.log.push_back((self.revision, events));
    }

    /// What a member's collector has not delivered yet, by revision.
    pub(super) fn undelivered(&mut self, member: MemberIndex) -> Vec<(Revision, Vec<WatchEvent>)> {
        let delivered = self.members[member.index()].delivered;
        let first = self.log.front().map_or(self.revision + 1, |(revision, _)| *revision);
        let from = usize::try_from((delivered + 1).saturating_sub(first)).unwrap_or(0);
        let revisions = self.log.range(from.min(self.log.len())..).cloned().collect();
        self.members[member.index()].delivered = self.revision;
        let everyone = self.members.iter().map(|member| member.delivered).min().unwrap_or(0);
        while self.log.front().is_some_and(|(revision, _)| *revision <= everyone) {
            self.log.pop_front();
        }
        revisions
    }
}
