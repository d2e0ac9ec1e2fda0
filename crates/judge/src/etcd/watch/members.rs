//! What the members are known to have reached, and when: from watch deliveries and from the headers of responses.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use ticketcd_history::{MemberIndex, Nanos, Revision};

/// How long a member's past revisions are remembered, so that events recorded slightly out of order are still compared by
/// time: nanoseconds.
const REMEMBERED: Nanos = 1_000_000_000;

/// What each member is known to have reached.
#[derive(Debug, Default)]
pub(super) struct MemberRevisions {
    members: FxHashMap<MemberIndex, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When its process was last started or ended: what was known before does not bind the next process.
    since: Nanos,
    /// Increasing in time and in revision. A response received at that time carried the revision.
    notes: VecDeque<(Nanos, Revision)>,
}

impl MemberRevisions {
    /// An event received from the member at this time shows that it had reached the revision before that of the event: etcd
    /// notifies watches before it raises its own revision, and up to 3.5.21 a watch from "now" starts above the latter.
    pub(super) fn note_delivery(&mut self, member: MemberIndex, at: Nanos, revision: Revision) {
        self.note(member, at, revision - 1);
    }

    /// A header received from the member at this time shows that it had reached the revision.
    pub(super) fn note(&mut self, member: MemberIndex, at: Nanos, revision: Revision) {
        let known = self.members.entry(member).or_default();
        let newest = known.notes.back().map_or(0, |(_, newest)| *newest);
        if at < known.since || revision <= newest {
            return;
        }
        // A note that arrives out of order takes the later time: that only lowers what is known at a time.
        let at = known.notes.back().map_or(at, |(last, _)| at.max(*last));
        known.notes.push_back((at, revision));
        while known.notes.get(1).is_some_and(|(later, _)| *later + REMEMBERED < at) {
            known.notes.pop_front();
        }
    }

    /// The member's process was started or ended at this time.
    pub(super) fn restarted(&mut self, member: MemberIndex, at: Nanos) {
        let known = self.members.entry(member).or_default();
        known.since = known.since.max(at);
        known.notes.clear();
    }

    /// The highest revision that the member is known to have reached by a time; 0 if nothing is known.
    pub(super) fn had(&self, member: MemberIndex, by: Nanos) -> Revision {
        let Some(known) = self.members.get(&member) else { return 0 };
        let count = known.notes.partition_point(|(at, _)| *at <= by);
        count.checked_sub(1).and_then(|last| known.notes.get(last)).map_or(0, |(_, revision)| *revision)
    }

    /// The highest revision that the member is known to have reached.
    pub(super) fn newest(&self, member: MemberIndex) -> Revision {
        self.members.get(&member).and_then(|known| known.notes.back()).map_or(0, |(_, revision)| *revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M1: MemberIndex = MemberIndex(0);

    #[test]
    fn only_what_was_received_by_the_moment_counts() {
        let mut revisions = MemberRevisions::default();
        revisions.note(M1, 10, 5);
        revisions.note(M1, 30, 9);
        revisions.note(M1, 20, 7);
        assert_eq!([9, 10, 29, 30].map(|by| revisions.had(M1, by)), [0, 5, 5, 9]);
        assert_eq!((revisions.newest(M1), revisions.had(MemberIndex(1), 100)), (9, 0));
    }

    #[test]
    fn a_delivery_shows_the_revision_before_it() {
        let mut revisions = MemberRevisions::default();
        revisions.note_delivery(M1, 10, 5);
        assert_eq!(revisions.had(M1, 10), 4);
    }

    #[test]
    fn a_new_process_is_bound_by_nothing() {
        let mut revisions = MemberRevisions::default();
        revisions.note(M1, 10, 5);
        revisions.restarted(M1, 20);
        revisions.note(M1, 15, 6);
        assert_eq!(revisions.had(M1, 100), 0);
        revisions.note(M1, 25, 3);
        assert_eq!(revisions.had(M1, 100), 3);
    }
}
