//! Who is meant: targets become members at the moment of injection.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use ticketcd_judge::model::MemberIndex;

use crate::scenario::units::Target;

/// How fit a member is to be hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its process is not there, or is on its way out.
    Down,
    /// Its process is there, but paused or silent.
    Unwell,
    /// It answers.
    Up,
}

/// What a fault needs of a member that is named, or that leads. Where a target leaves a choice, only members that are
/// up are chosen, so that the fault changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A process to signal.
    Process,
    /// Nothing: links of a member that is down can be cut too.
    Nothing,
}

/// The cluster as a fault finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// How fit each member is.
    pub standings: Vec<Standing>,
    /// Who leads.
    pub leader: Option<MemberIndex>,
}

/// The order in which a fault tries members when its target leaves a choice. It is drawn once, before anything is known
/// about the cluster, so that it depends on the seed alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference(Vec<MemberIndex>);

impl Preference {
    /// Draws an order of all members.
    pub fn draw(size: usize, draws: &mut ChaCha8Rng) -> Self {
        let mut order: Vec<_> = (0..).map(MemberIndex).take(size).collect();
        order.shuffle(draws);
        Self(order)
    }
}

impl Situation {
    /// The members that are meant.
    ///
    /// # Errors
    /// Why nobody fits, in words.
    pub fn resolve(&self, target: Target, needs: Needs, preference: &Preference) -> Result<Vec<MemberIndex>, String> {
        self.resolve_excluding(target, needs, preference, &BTreeSet::new())
    }

    /// The members that are meant by each of several targets, no member twice. A name or `leader` is served before a word
    /// that leaves a choice, wherever it stands, so that `any` does not take what another target insists on.
    ///
    /// # Errors
    /// Why nobody fits, in words.
    pub fn resolve_disjoint(&self, targets: &[Target], needs: Needs, preference: &Preference) -> Result<Vec<Vec<MemberIndex>>, String> {
        let mut order: Vec<_> = targets.iter().copied().enumerate().collect();
        order.sort_by_key(|(_, target)| choosiness(*target));
        let mut taken = BTreeSet::new();
        let mut resolved = vec![Vec::new(); targets.len()];
        for (position, target) in order {
            let members = self.resolve_excluding(target, needs, preference, &taken)?;
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
        preference: &Preference,
        taken: &BTreeSet<MemberIndex>,
    ) -> Result<Vec<MemberIndex>, String> {
        let size = self.standings.len();
        match target {
            Target::Member(index) => self.insist(MemberIndex(index), needs, taken).map(|member| vec![member]),
            Target::Leader => {
                let leader = self.leader.ok_or("there is no leader")?;
                self.insist(leader, needs, taken).map(|member| vec![member])
            }
            Target::Any => self.choose(1, target, preference, taken),
            Target::Follower => {
                let leader = self.leader.ok_or("there is no leader, so nobody is known to be a follower")?;
                let not_followers = taken.iter().copied().chain([leader]).collect();
                self.choose(1, target, preference, &not_followers)
            }
            Target::Minority => self.choose(size.saturating_sub(1) / 2, target, preference, taken),
            Target::Majority => self.choose(size / 2 + 1, target, preference, taken),
            Target::All => {
                let everyone = (0..).map(MemberIndex).take(size);
                let members: Vec<_> = everyone.filter(|member| self.insist(*member, needs, taken).is_ok()).collect();
                if members.is_empty() { Err("no member is left to be hit".to_owned()) } else { Ok(members) }
            }
        }
    }

    /// This member and no other.
    fn insist(&self, member: MemberIndex, needs: Needs, taken: &BTreeSet<MemberIndex>) -> Result<MemberIndex, String> {
        let standing = self.standings.get(member.index()).ok_or_else(|| format!("{} does not exist", member.name()))?;
        if taken.contains(&member) {
            return Err(format!("{} is meant twice", member.name()));
        }
        if needs == Needs::Process && *standing == Standing::Down {
            return Err(format!("{} is down", member.name()));
        }
        Ok(member)
    }

    /// So many of the members that are up, the preferred first.
    fn choose(
        &self,
        count: usize,
        target: Target,
        preference: &Preference,
        taken: &BTreeSet<MemberIndex>,
    ) -> Result<Vec<MemberIndex>, String> {
        if count == 0 {
            return Err(format!("a cluster of {} has no {target}", self.standings.len()));
        }
        let is_up = |member: &&MemberIndex| self.standings.get(member.index()) == Some(&Standing::Up) && !taken.contains(member);
        let mut members: Vec<_> = preference.0.iter().filter(is_up).take(count).copied().collect();
        if members.len() < count {
            return Err(format!("{target} needs {count} members that are up and fit, and there are {}", members.len()));
        }
        members.sort_unstable();
        Ok(members)
    }
}

/// Targets in the order in which they are served: those that leave no choice first.
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
mod tests {
    use super::*;
    use crate::scenario::streams::stream;

    const M1: MemberIndex = MemberIndex(0);
    const M2: MemberIndex = MemberIndex(1);
    const M3: MemberIndex = MemberIndex(2);

    fn healthy(size: usize, leader: u8) -> Situation {
        Situation { standings: vec![Standing::Up; size], leader: Some(MemberIndex(leader)) }
    }

    fn preference(order: &[u8]) -> Preference {
        Preference(order.iter().copied().map(MemberIndex).collect())
    }

    #[test]
    fn every_word_means_as_many_as_it_says() {
        let (cluster, order) = (healthy(5, 2), preference(&[2, 4, 0, 1, 3]));
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
        let cluster = Situation { standings: vec![Standing::Down, Standing::Unwell, Standing::Up], leader: Some(M2) };
        let order = preference(&[0, 1, 2]);
        let resolve = |target, needs| cluster.resolve(target, needs, &order);
        assert_eq!(resolve(Target::Any, Needs::Process), Ok(vec![M3]));
        assert_eq!(resolve(Target::Any, Needs::Nothing), Ok(vec![M3]));
        assert_eq!(resolve(Target::Member(1), Needs::Process), Ok(vec![M2]), "a paused member can be killed by name");
        assert_eq!(resolve(Target::Member(0), Needs::Process), Err("m1 is down".to_owned()));
        assert_eq!(resolve(Target::Member(0), Needs::Nothing), Ok(vec![M1]), "its links can be cut");
        assert_eq!(resolve(Target::All, Needs::Process), Ok(vec![M2, M3]));
        let majority = resolve(Target::Majority, Needs::Process).unwrap_err();
        assert_eq!(majority, "majority needs 2 members that are up and fit, and there are 1");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let order = preference(&[0]);
        let single = healthy(1, 0);
        assert!(single.resolve(Target::Minority, Needs::Process, &order).unwrap_err().contains("no minority"));
        assert!(single.resolve(Target::Follower, Needs::Process, &order).is_err());
        assert_eq!(single.resolve(Target::Member(4), Needs::Nothing, &order), Err("m5 does not exist".to_owned()));
        let leaderless = Situation { leader: None, ..healthy(3, 0) };
        assert!(leaderless.resolve(Target::Leader, Needs::Nothing, &order).is_err());
        assert!(leaderless.resolve(Target::Follower, Needs::Nothing, &order).is_err());
    }

    #[test]
    fn several_targets_share_no_member_and_names_go_first() {
        let (cluster, order) = (healthy(3, 0), preference(&[0, 1, 2]));
        let resolve = |targets: &[Target]| cluster.resolve_disjoint(targets, Needs::Nothing, &order);
        assert_eq!(resolve(&[Target::Any, Target::Leader]), Ok(vec![vec![M2], vec![M1]]));
        assert_eq!(resolve(&[Target::Leader, Target::All]), Ok(vec![vec![M1], vec![M2, M3]]));
        assert_eq!(resolve(&[Target::Leader, Target::Member(0)]), Err("m1 is meant twice".to_owned()));
    }

    #[test]
    fn the_preference_follows_from_the_seed_and_reaches_everyone() {
        let draw = |seed| Preference::draw(3, &mut stream(seed, "fault target", 0));
        assert_eq!(draw(5), draw(5));
        let first: BTreeSet<_> = (0..50).map(|seed| draw(seed).0[0]).collect();
        assert_eq!(first.len(), 3);
    }
}
