//! The number of watches in the unsynced group of each member.
//!
//! etcd keeps watches that start in the past in a separate group until they have caught up, and processes at most 512 of them
//! every 100 ms. Those that a compaction cancelled stay in that group until their stream ends (etcd issue 22294, open in every
//! release): with more than 512 in total, some of the others are never processed.

use rustc_hash::FxHashMap;

use ticketcd_history::{MemberIndex, Nanos, Revision};

/// etcd's `maxWatchersPerSync`.
const LOOKED_AT_AT_ONCE: usize = 512;

/// The unsynced watches of all members.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    waiting: FxHashMap<u32, Waiting>,
    /// Watches that a compaction cancelled, by their stream.
    cancelled: FxHashMap<u32, (MemberIndex, usize)>,
    members: FxHashMap<MemberIndex, Member>,
}

#[derive(Debug)]
struct Waiting {
    member: MemberIndex,
    stream: u32,
    /// It has caught up when it has received everything that its member had when it was opened.
    until: Revision,
}

#[derive(Debug, Default)]
struct Member {
    count: usize,
    /// When there were last more than etcd processes.
    crowded: Option<Nanos>,
}

impl Unsynced {
    /// A watch was opened at a revision that its member already had; `newest` is the newest one it is known to have.
    pub(super) fn open(&mut self, subscription: u32, member: MemberIndex, stream: u32, newest: Revision, at: Nanos) {
        self.waiting.insert(subscription, Waiting { member, stream, until: newest });
        self.count(member, at, 1);
    }

    /// A watch has received everything up to a revision.
    pub(super) fn received(&mut self, subscription: u32, revision: Revision, at: Nanos) {
        if self.waiting.get(&subscription).is_some_and(|waiting| revision >= waiting.until) {
            self.leave(subscription, at);
        }
    }

    /// A watch was cancelled because its start is compacted.
    pub(super) fn cancelled(&mut self, subscription: u32, at: Nanos) {
        if let Some(Waiting { member, stream, .. }) = self.leave(subscription, at) {
            self.cancelled.entry(stream).or_insert((member, 0)).1 += 1;
            self.count(member, at, 1);
        }
    }

    /// A watch was closed by its owner, or its stream broke.
    pub(super) fn closed(&mut self, subscription: u32, at: Nanos) {
        self.leave(subscription, at);
    }

    /// A stream has no open watch any more, or broke: its cancelled watches are gone.
    pub(super) fn stream_ended(&mut self, stream: u32, at: Nanos) {
        if let Some((member, count)) = self.cancelled.remove(&stream) {
            self.count(member, at, -isize::try_from(count).unwrap_or(isize::MAX));
        }
    }

    /// Whether a member had more unsynced watches than etcd processes, at some time since a given one.
    pub(super) fn was_crowded(&self, member: MemberIndex, since: Nanos) -> bool {
        let Some(member) = self.members.get(&member) else { return false };
        member.count > LOOKED_AT_AT_ONCE || member.crowded.is_some_and(|crowded| crowded >= since)
    }

    fn leave(&mut self, subscription: u32, at: Nanos) -> Option<Waiting> {
        let waiting = self.waiting.remove(&subscription)?;
        self.count(waiting.member, at, -1);
        Some(waiting)
    }

    fn count(&mut self, member: MemberIndex, at: Nanos, change: isize) {
        let member = self.members.entry(member).or_default();
        if member.count > LOOKED_AT_AT_ONCE {
            member.crowded = Some(at);
        }
        member.count = member.count.saturating_add_signed(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M1: MemberIndex = MemberIndex(0);

    #[test]
    fn cancelled_watches_count_until_their_stream_ends() {
        let mut unsynced = Unsynced::default();
        for subscription in 0..513 {
            unsynced.open(subscription, M1, 1, 100, 1);
        }
        assert!(unsynced.was_crowded(M1, 5) && !unsynced.was_crowded(MemberIndex(1), 0));
        for subscription in 0..512 {
            unsynced.cancelled(subscription, 2);
        }
        assert!(unsynced.was_crowded(M1, 5));
        unsynced.received(512, 99, 3);
        assert!(unsynced.was_crowded(M1, 5));
        unsynced.received(512, 100, 4);
        assert!(!unsynced.was_crowded(M1, 5) && unsynced.was_crowded(M1, 4));
        unsynced.stream_ended(1, 6);
        assert!(!unsynced.was_crowded(M1, 5));
    }
}
