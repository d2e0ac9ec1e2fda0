//! Targets: which members a fault hits, at the moment of injection.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::fault::{NoTarget, TargetRole};

use crate::settings::units::Target;

/// The state of a member, as far as it matters for choosing targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberHealth {
    /// Its process is not running, or is being ended.
    Down,
    /// Its process is running, but paused, disturbed or not responding.
    Unwell,
    /// It responds.
    Up,
}

/// What a fault requires of a member that is named, or of the leader. Where a target leaves a choice, only members that are
/// up are chosen, so that the fault has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A process to signal.
    Process,
    /// Nothing: links of a member that is down can be cut too.
    Nothing,
}

/// The state of the cluster when a fault is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterState {
    /// The state of each member.
    pub health: Vec<MemberHealth>,
    /// The leader.
    pub leader: Option<MemberIndex>,
}

/// The order in which a fault tries members when its target leaves a choice. It is drawn once, before the state of the
/// cluster is known, so that it depends on the seed alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetOrder(Vec<MemberIndex>);

impl TargetOrder {
    /// Draws an order of all members.
    pub fn draw(size: usize, draws: &mut ChaCha8Rng) -> Self {
        let mut order: Vec<_> = (0..).map(MemberIndex).take(size).collect();
        order.shuffle(draws);
        Self(order)
    }
}

impl ClusterState {
    /// How many members the cluster has.
    pub fn size(&self) -> usize {
        self.health.len()
    }

    /// The members that a target names.
    ///
    /// # Errors
    /// Why there are none.
    pub fn resolve(&self, target: Target, needs: Needs, order: &TargetOrder) -> Result<Vec<MemberIndex>, NoTarget> {
        self.resolve_excluding(target, needs, order, &BTreeSet::new())
    }

    /// The members that each of several targets names, no member twice. A name or `leader` is resolved before a role that
    /// leaves a choice, wherever it stands, so that `any` does not take a member that another target names.
    ///
    /// # Errors
    /// Why there are none.
    pub fn resolve_disjoint(&self, targets: &[Target], needs: Needs, order: &TargetOrder) -> Result<Vec<Vec<MemberIndex>>, NoTarget> {
        let mut positions: Vec<_> = targets.iter().copied().enumerate().collect();
        positions.sort_by_key(|(_, target)| choosiness(*target));
        let mut taken = BTreeSet::new();
        let mut resolved = vec![Vec::new(); targets.len()];
        for (position, target) in positions {
            let members = self.resolve_excluding(target, needs, order, &taken)?;
            taken.extend(members.iter().copied());
            if let Some(slot) = resolved.get_mut(position) {
                *slot = members;
            }
        }
        Ok(resolved)
    }

    fn resolve_excluding(
        &self,
        target: Target,
        needs: Needs,
        order: &TargetOrder,
        taken: &BTreeSet<MemberIndex>,
    ) -> Result<Vec<MemberIndex>, NoTarget> {
        let size = self.health.len();
        match target {
            Target::Member(index) => self.insist(MemberIndex(index), needs, taken).map(|member| vec![member]),
            Target::Leader => {
                let leader = self.leader.ok_or(NoTarget::NoLeader)?;
                self.insist(leader, needs, taken).map(|member| vec![member])
            }
            Target::Any => self.choose(1, target, order, taken),
            Target::Follower => {
                let leader = self.leader.ok_or(NoTarget::NoLeader)?;
                let not_followers = taken.iter().copied().chain([leader]).collect();
                self.choose(1, target, order, &not_followers)
            }
            Target::Minority => self.choose(size.saturating_sub(1) / 2, target, order, taken),
            Target::Majority => self.choose(size / 2 + 1, target, order, taken),
            Target::All => {
                let everyone = (0..).map(MemberIndex).take(size);
                let members: Vec<_> = everyone.filter(|member| self.insist(*member, needs, taken).is_ok()).collect();
                if members.is_empty() { Err(NoTarget::NoneLeft) } else { Ok(members) }
            }
        }
    }

    /// This member and no other.
    fn insist(&self, member: MemberIndex, needs: Needs, taken: &BTreeSet<MemberIndex>) -> Result<MemberIndex, NoTarget> {
        let health = self.health.get(member.index()).ok_or(NoTarget::NoSuchMember(member))?;
        if taken.contains(&member) {
            return Err(NoTarget::NamedTwice(member));
        }
        if needs == Needs::Process && *health == MemberHealth::Down {
            return Err(NoTarget::Down(member));
        }
        Ok(member)
    }

    /// So many of the members that are up, the preferred first.
    fn choose(
        &self,
        count: usize,
        target: Target,
        order: &TargetOrder,
        taken: &BTreeSet<MemberIndex>,
    ) -> Result<Vec<MemberIndex>, NoTarget> {
        if count == 0 {
            return Err(NoTarget::TooSmall { role: target.into(), size: small(self.size()) });
        }
        let is_up = |member: &&MemberIndex| self.health.get(member.index()) == Some(&MemberHealth::Up) && !taken.contains(member);
        let mut members: Vec<_> = order.0.iter().filter(is_up).take(count).copied().collect();
        if members.len() < count {
            return Err(NoTarget::TooFewUp { role: target.into(), needed: small(count), up: small(members.len()) });
        }
        members.sort_unstable();
        Ok(members)
    }
}

/// The number of a cluster's members, or of some of them.
fn small(count: usize) -> u8 {
    debug_assert!(count <= usize::from(u8::MAX), "a cluster has at most 9 members");
    u8::try_from(count).unwrap_or(u8::MAX)
}

impl From<Target> for TargetRole {
    fn from(target: Target) -> Self {
        match target {
            Target::Leader => Self::Leader,
            Target::Follower => Self::Follower,
            Target::Any => Self::Any,
            Target::Minority => Self::Minority,
            Target::Majority => Self::Majority,
            Target::All => Self::All,
            Target::Member(index) => Self::Member(MemberIndex(index)),
        }
    }
}

/// Targets in the order in which they are resolved: those that leave no choice first.
fn choosiness(target: Target) -> u8 {
    match target {
        Target::Member(_) => 0,
        Target::Leader => 1,
        Target::Follower => 2,
        Target::Any => 3,
        Target::Minority => 4,
        Target::Majority => 5,
        Target::All => 6,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::settings::streams::stream;

    pub(in crate::fault) const M1: MemberIndex = MemberIndex(0);
    pub(in crate::fault) const M2: MemberIndex = MemberIndex(1);
    pub(in crate::fault) const M3: MemberIndex = MemberIndex(2);

    /// A cluster of members that are so fit.
    pub(in crate::fault) fn cluster(health: &[MemberHealth], leader: Option<MemberIndex>) -> ClusterState {
        ClusterState { health: health.to_vec(), leader }
    }

    /// Some order of so many members.
    pub(in crate::fault) fn order(size: usize) -> TargetOrder {
        TargetOrder::draw(size, &mut stream(1, "fault target", 0))
    }

    fn healthy(size: usize, leader: u8) -> ClusterState {
        ClusterState { health: vec![MemberHealth::Up; size], leader: Some(MemberIndex(leader)) }
    }

    fn in_order(order: &[u8]) -> TargetOrder {
        TargetOrder(order.iter().copied().map(MemberIndex).collect())
    }

    #[test]
    fn every_role_resolves_to_the_right_number_of_members() {
        let (cluster, order) = (healthy(5, 2), in_order(&[2, 4, 0, 1, 3]));
        let resolve = |target| cluster.resolve(target, Needs::Process, &order).unwrap();
        assert_eq!(resolve(Target::Leader), [M3]);
        assert_eq!(resolve(Target::Any), [M3]);
        assert_eq!(resolve(Target::Follower), [MemberIndex(4)], "the leader is preferred but no follower");
        assert_eq!(resolve(Target::Minority), [M3, MemberIndex(4)]);
        assert_eq!(resolve(Target::Majority), [M1, M3, MemberIndex(4)]);
        assert_eq!(resolve(Target::All).len(), 5);
        assert_eq!(resolve(Target::Member(1)), [M2]);
    }

    #[test]
    fn members_that_are_down_or_unwell_are_not_chosen() {
        let cluster = ClusterState { health: vec![MemberHealth::Down, MemberHealth::Unwell, MemberHealth::Up], leader: Some(M2) };
        let order = in_order(&[0, 1, 2]);
        let resolve = |target, needs| cluster.resolve(target, needs, &order);
        assert_eq!(resolve(Target::Any, Needs::Process), Ok(vec![M3]));
        assert_eq!(resolve(Target::Any, Needs::Nothing), Ok(vec![M3]));
        assert_eq!(resolve(Target::Member(1), Needs::Process), Ok(vec![M2]), "a paused member can be killed by name");
        assert_eq!(resolve(Target::Member(0), Needs::Process), Err(NoTarget::Down(M1)));
        assert_eq!(resolve(Target::Member(0), Needs::Nothing), Ok(vec![M1]), "its links can be cut");
        assert_eq!(resolve(Target::All, Needs::Process), Ok(vec![M2, M3]));
        let majority = resolve(Target::Majority, Needs::Process).unwrap_err();
        assert_eq!(majority, NoTarget::TooFewUp { role: TargetRole::Majority, needed: 2, up: 1 });
    }

    #[test]
    fn a_target_that_is_not_there_is_named() {
        let order = in_order(&[0]);
        let single = healthy(1, 0);
        let minority = single.resolve(Target::Minority, Needs::Process, &order);
        assert_eq!(minority, Err(NoTarget::TooSmall { role: TargetRole::Minority, size: 1 }));
        assert!(single.resolve(Target::Follower, Needs::Process, &order).is_err());
        assert_eq!(single.resolve(Target::Member(4), Needs::Nothing, &order), Err(NoTarget::NoSuchMember(MemberIndex(4))));
        let leaderless = ClusterState { leader: None, ..healthy(3, 0) };
        assert!(leaderless.resolve(Target::Leader, Needs::Nothing, &order).is_err());
        assert!(leaderless.resolve(Target::Follower, Needs::Nothing, &order).is_err());
    }

    #[test]
    fn several_targets_share_no_member_and_names_go_first() {
        let (cluster, order) = (healthy(3, 0), in_order(&[0, 1, 2]));
        let resolve = |targets: &[Target]| cluster.resolve_disjoint(targets, Needs::Nothing, &order);
        assert_eq!(resolve(&[Target::Any, Target::Leader]), Ok(vec![vec![M2], vec![M1]]));
        assert_eq!(resolve(&[Target::Leader, Target::All]), Ok(vec![vec![M1], vec![M2, M3]]));
        assert_eq!(resolve(&[Target::Leader, Target::Member(0)]), Err(NoTarget::NamedTwice(M1)));
    }

    #[test]
    fn the_order_follows_from_the_seed_and_reaches_every_member() {
        let draw = |seed| TargetOrder::draw(3, &mut stream(seed, "fault target", 0));
        assert_eq!(draw(5), draw(5));
        let first: BTreeSet<_> = (0..50).map(|seed| draw(seed).0[0]).collect();
        assert_eq!(first.len(), 3);
    }
}
