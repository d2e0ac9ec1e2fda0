//! What a fault visibly caused, by the members' own status.
//!
//! While faults overlap, each of them reports what happened under it: the record does not say which one caused it.

use std::collections::BTreeSet;

use ticketcd_judge::history::fault::FaultEffect;
use ticketcd_judge::history::{MemberIndex, Nanos};

use crate::etcd::sampler::{Leadership, View};

/// Notices what changes under a fault, each change once.
#[derive(Debug)]
pub(super) struct Effects {
    hit: Vec<MemberIndex>,
    since: Nanos,
    leadership: Option<Leadership>,
    is_leaderless: bool,
    silent: BTreeSet<MemberIndex>,
}

impl Effects {
    /// Begins with the cluster as it was before the fault. `hit` are the members it hits, `since` is when.
    pub(super) fn new(before: &View, hit: &[MemberIndex], since: Nanos) -> Self {
        let leadership = before.leadership();
        Self { hit: hit.to_vec(), since, leadership, is_leaderless: leadership.is_none(), silent: BTreeSet::new() }
    }

    /// What is new in a view.
    pub(super) fn note(&mut self, view: &View) -> Vec<FaultEffect> {
        let mut new = Vec::new();
        for member in &self.hit {
            // Samples taken before the fault show nothing of it.
            let Some(entry) = view.member(*member).filter(|entry| entry.is_newer_than(self.since)) else { continue };
            if !entry.answering && self.silent.insert(*member) {
                new.push(FaultEffect::StoppedResponding { member: *member });
            } else if entry.answering && self.silent.remove(member) {
                new.push(FaultEffect::RespondsAgain { member: *member });
            }
        }
        match view.leadership() {
            None if !self.is_leaderless => {
                self.is_leaderless = true;
                new.push(FaultEffect::LeaderLost);
            }
            Some(now) => {
                let returned = std::mem::take(&mut self.is_leaderless);
                let is_newer = self.leadership.is_none_or(|known| now.term > known.term);
                if is_newer {
                    self.leadership = Some(now);
                    new.push(FaultEffect::LeaderElected(now));
                } else if returned {
                    new.push(FaultEffect::LeaderReturned(now));
                }
            }
            None => {}
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::event::MemberStatus;

    use super::*;

    const M1: MemberIndex = MemberIndex(0);

    /// A view by the leader and term that each member names, `None` for one that does not respond, sampled at `asked`.
    fn view(asked: Nanos, members: &[Option<(u64, u64)>]) -> View {
        let mut view = View::new(members.len());
        for (index, entry) in (0..).zip(members) {
            let status = entry.map(|(leader_id, raft_term)| MemberStatus {
                member_id: u64::from(index) + 1,
                leader_id,
                raft_term,
                applied_index: 0,
                revision: 1,
                database_bytes: 0,
                errors: Vec::new(),
            });
            view.note(MemberIndex(index), asked, asked + 1, status);
        }
        view
    }

    #[test]
    fn a_killed_leader_is_seen_to_fall_silent_to_be_replaced_and_to_return() {
        let healthy = view(10, &[Some((1, 2)), Some((1, 2)), Some((1, 2))]);
        let mut effects = Effects::new(&healthy, &[M1], 20);
        assert!(effects.note(&healthy).is_empty());
        let silent = view(30, &[None, Some((1, 2)), Some((1, 2))]);
        assert_eq!(effects.note(&silent), [FaultEffect::StoppedResponding { member: M1 }, FaultEffect::LeaderLost]);
        assert!(effects.note(&silent).is_empty(), "each change is reported once");
        let replaced = view(40, &[None, Some((2, 3)), Some((2, 3))]);
        assert_eq!(effects.note(&replaced), [FaultEffect::LeaderElected(Leadership { member: MemberIndex(1), term: 3 })]);
        let back = view(50, &[Some((2, 3)), Some((2, 3)), Some((2, 3))]);
        assert_eq!(effects.note(&back), [FaultEffect::RespondsAgain { member: M1 }]);
    }

    #[test]
    fn questions_asked_before_the_fault_are_no_effect_of_it() {
        let healthy = view(10, &[Some((1, 2)), Some((1, 2)), Some((1, 2))]);
        let mut effects = Effects::new(&healthy, &[M1], 20);
        let early = view(15, &[None, Some((1, 2)), Some((1, 2))]);
        assert_eq!(effects.note(&early), [FaultEffect::LeaderLost]);
        let resumed = view(30, &[Some((1, 2)), Some((1, 2)), Some((1, 2))]);
        assert_eq!(effects.note(&resumed), [FaultEffect::LeaderReturned(Leadership { member: M1, term: 2 })]);
    }
}
