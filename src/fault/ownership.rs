//! Which fault has which member down or paused.
//!
//! Faults may overlap on one member. A member goes down for one fault at a time, which starts it again if nothing else did;
//! it stays paused until the last pause on it ends, or its process does: a new process is not paused.

use std::collections::{BTreeMap, BTreeSet};

use ticketcd_judge::history::MemberIndex;

use super::target::MemberHealth;

/// Which fault has which member down, unwell or paused.
#[derive(Debug, Default)]
pub(super) struct FaultOwnership {
    down: BTreeMap<MemberIndex, u32>,
    unwell: BTreeMap<MemberIndex, BTreeSet<u32>>,
    paused: BTreeMap<MemberIndex, BTreeSet<u32>>,
}

/// What the end of a pause means for the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumption {
    /// It was the last pause: the member continues.
    Due,
    /// Another fault still pauses it.
    StillPaused,
    /// The process that was paused has exited.
    Ended,
}

impl FaultOwnership {
    /// The state of a member, as far as it matters for choosing targets.
    pub(super) fn health(&self, member: MemberIndex, is_running: bool, is_responding: bool) -> MemberHealth {
        let is_claimed = |claims: &BTreeMap<MemberIndex, BTreeSet<u32>>| claims.contains_key(&member);
        if !is_running || self.down.contains_key(&member) {
            MemberHealth::Down
        } else if !is_responding || is_claimed(&self.unwell) || is_claimed(&self.paused) {
            MemberHealth::Unwell
        } else {
            MemberHealth::Up
        }
    }

    /// The fault takes the member down.
    pub(super) fn claim_down(&mut self, fault: u32, member: MemberIndex) {
        self.down.insert(member, fault);
    }

    /// The fault disturbs the member without ending its process.
    pub(super) fn claim_unwell(&mut self, fault: u32, member: MemberIndex) {
        self.unwell.entry(member).or_default().insert(fault);
    }

    /// The fault has no claim on the member any more.
    pub(super) fn release(&mut self, fault: u32, member: MemberIndex) {
        if self.down.get(&member) == Some(&fault) {
            self.down.remove(&member);
        }
        remove(&mut self.unwell, fault, member);
    }

    /// The fault pauses the member.
    pub(super) fn pause(&mut self, fault: u32, member: MemberIndex) {
        self.paused.entry(member).or_default().insert(fault);
    }

    /// The fault no longer pauses the member.
    pub(super) fn resume(&mut self, fault: u32, member: MemberIndex) -> Resumption {
        if !remove(&mut self.paused, fault, member) {
            return Resumption::Ended;
        }
        if self.paused.contains_key(&member) { Resumption::StillPaused } else { Resumption::Due }
    }

    /// The member's process ended, and every pause with it.
    pub(super) fn process_ended(&mut self, member: MemberIndex) {
        self.paused.remove(&member);
        self.unwell.remove(&member);
    }
}

/// Removes a fault's claim; returns whether there was one.
fn remove(claims: &mut BTreeMap<MemberIndex, BTreeSet<u32>>, fault: u32, member: MemberIndex) -> bool {
    let Some(faults) = claims.get_mut(&member) else { return false };
    let was_claimed = faults.remove(&fault);
    if faults.is_empty() {
        claims.remove(&member);
    }
    was_claimed
}

#[cfg(test)]
mod tests {
    use super::*;

    const M1: MemberIndex = MemberIndex(0);

    #[test]
    fn a_member_stays_paused_until_the_last_pause_ends() {
        let mut ownership = FaultOwnership::default();
        ownership.pause(0, M1);
        ownership.pause(1, M1);
        assert_eq!(ownership.health(M1, true, true), MemberHealth::Unwell);
        assert_eq!(ownership.resume(0, M1), Resumption::StillPaused);
        assert_eq!(ownership.resume(0, M1), Resumption::Ended, "a pause ends once");
        assert_eq!(ownership.resume(1, M1), Resumption::Due);
        assert_eq!(ownership.health(M1, true, true), MemberHealth::Up);
    }

    #[test]
    fn a_kill_ends_the_pauses_of_the_process() {
        let mut ownership = FaultOwnership::default();
        ownership.claim_unwell(0, M1);
        ownership.pause(0, M1);
        ownership.claim_down(1, M1);
        ownership.process_ended(M1);
        assert_eq!(ownership.health(M1, false, false), MemberHealth::Down);
        ownership.release(1, M1);
        assert_eq!(ownership.health(M1, true, true), MemberHealth::Up, "the new process is not paused");
        assert_eq!(ownership.resume(0, M1), Resumption::Ended);
    }

    #[test]
    fn a_member_is_down_for_the_fault_that_took_it_down() {
        let mut ownership = FaultOwnership::default();
        ownership.claim_down(1, M1);
        assert_eq!(ownership.health(M1, true, true), MemberHealth::Down, "from the claim on, before the process is gone");
        ownership.release(2, M1);
        assert_eq!(ownership.health(M1, true, true), MemberHealth::Down, "another fault cannot release it");
        ownership.release(1, M1);
        assert_eq!(ownership.health(M1, false, true), MemberHealth::Down, "a member that exited by itself is down too");
    }

    #[test]
    fn an_unwell_member_is_not_preferred_until_it_is_released() {
        let mut ownership = FaultOwnership::default();
        ownership.claim_unwell(3, M1);
        assert_eq!(ownership.health(M1, true, true), MemberHealth::Unwell);
        ownership.release(3, M1);
        assert_eq!(ownership.health(M1, true, true), MemberHealth::Up);
    }
}
