//! What collectors deliver: every revision, at the pace of each member.

use super::Cluster;
use crate::mutation::Mutation;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchEvent, WatchOpened};
use ticketcd_history::{MemberIndex, Nanos, Revision};

/// The changes of one revision.
pub(crate) type Changes = (Revision, Vec<WatchEvent>);

impl Cluster {
    /// A member's collector opens a watch after the last revision it delivered: the watch, and the member's confirmation.
    pub(crate) fn subscribe(&mut self, member: MemberIndex, at: Nanos) -> (WatchOpened, WatchBatch) {
        let subscription = self.subscriptions;
        self.subscriptions += 1;
        let revision = self.revision();
        let state = self.member(member);
        state.subscription = subscription;
        let start_revision = state.delivered + i64::from(state.delivered > 1);
        let opened = WatchOpened::collector(subscription, member, start_revision, at);
        (opened, WatchBatch { subscription, at, revision, body: WatchBody::Created })
    }

    /// The revisions that a member's collector has not delivered yet: now it has.
    pub(crate) fn undelivered(&mut self, member: MemberIndex) -> Vec<Changes> {
        let delivered = self.members[member.index()].delivered;
        let first = self.log.front().map_or(self.revision() + 1, |(revision, _)| *revision);
        let from = usize::try_from((delivered + 1).saturating_sub(first)).unwrap_or(0);
        let revisions = self.log.range(from.min(self.log.len())..).cloned().collect();
        self.members[member.index()].delivered = self.revision();
        let everyone = self.members.iter().map(|member| member.delivered).min().unwrap_or(0);
        while self.log.front().is_some_and(|(revision, _)| *revision <= everyone) {
            self.log.pop_front();
        }
        revisions
    }

    /// A message of a member's collector.
    pub(crate) fn delivery(&mut self, member: MemberIndex, at: Nanos, events: Vec<WatchEvent>) -> WatchBatch {
        let (subscription, revision) = (self.member(member).subscription, self.revision());
        WatchBatch { subscription, at, revision, body: WatchBody::Events(events) }
    }
}

/// The mutations of what a collector delivers.
pub(crate) const DELIVERY_MUTATIONS: [Mutation; 5] =
    [Mutation::MissedRevision, Mutation::LateDelivery, Mutation::SplitDelivery, Mutation::DuplicateDelivery, Mutation::Divergence];

/// Mutates what a collector is about to deliver, when it offers the occasion: gives what it delivers in a second message.
pub(crate) fn mutate_delivery(mutation: Mutation, revisions: &mut Vec<Changes>) -> Option<Vec<WatchEvent>> {
    let count = revisions.len();
    let (_, last) = revisions.last_mut()?;
    match mutation {
        // Not the last: what comes after it shows the gap.
        Mutation::MissedRevision if count > 1 => {
            revisions.remove(count - 2);
        }
        Mutation::LateDelivery if count > 1 => revisions.swap(count - 2, count - 1),
        Mutation::SplitDelivery if last.len() > 1 => return Some(last.split_off(1)),
        Mutation::DuplicateDelivery => return Some(last.clone()),
        Mutation::Divergence => {
            if let Some(event) = last.last_mut() {
                event.kv.value = event.kv.value.to_text().replace("20:00", "20:01").into();
                event.kv.version += 1;
            }
        }
        _ => return None,
    }
    Some(Vec::new())
}
