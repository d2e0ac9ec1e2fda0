//! `partition`: peer links drop traffic.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::fault::{FaultTarget, LinkChange, NoTarget, TargetRole};

use super::definition::{Fault, Injection, InjectionFailed, Pending};
use super::draws::Draws;
use super::executor::FaultExecutor;
use super::link_faults::shape;
use super::link_set::Direction;
use super::links;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, Needs, TargetOrder};
use crate::net::{Flow, LinkState};
use crate::settings::problem::{Checked, Problem};
use crate::settings::units::{Span, Target};
use crate::testbed::{Capabilities, Capability};

/// Peer links that drop traffic: exactly one of `isolate`, `split` and `one_way`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// These members against all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolate: Option<Target>,
    /// Groups of members: links within a group work, all others do not. Members that are named nowhere form a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Vec<Vec<Target>>>,
    /// One direction only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_way: Option<Direction>,
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Fault for Partition {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        scope.has_peers(scope.path)?;
        match (&self.isolate, &self.split, &self.one_way) {
            (Some(Target::All), None, None) => Err(Problem::new(scope.at("isolate"), "all members against no others cuts nothing")
                .help("to cut every link, give each member a group: split = [[\"m1\"], [\"m2\"], …]")),
            (Some(isolate), None, None) => scope.target("isolate", *isolate),
            (None, Some(groups), None) => check_groups(scope, groups),
            (None, None, Some(direction)) => direction.check(scope, "one_way"),
            _ => Err(Problem::new(scope.path, "exactly one of `isolate`, `split` and `one_way` is wanted")),
        }?;
        scope.lasts(self.lasts)
    }

    fn target(&self) -> FaultTarget {
        match (&self.isolate, &self.split, &self.one_way) {
            (Some(isolated), _, _) => FaultTarget::Isolate((*isolated).into()),
            (None, _, Some(direction)) => direction.target(),
            (None, groups, None) => {
                let roles = |group: &Vec<Target>| group.iter().copied().map(TargetRole::from).collect();
                FaultTarget::Split(groups.iter().flatten().map(roles).collect())
            }
        }
    }

    fn lasts(&self) -> Duration {
        self.lasts.0
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::ShapePeerLinks]
    }

    /// Raft assumes that messages are lost.
    fn survivable(&self, _testbed: &Capabilities) -> bool {
        true
    }

    fn fits(members: u8) -> bool {
        members > 1
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        let nothing = Self { isolate: None, split: None, one_way: None, lasts: draws.lasts() };
        match draws.number(0..10_u8) {
            0..5 => {
                let isolate = [Target::Leader, Target::Leader, Target::Follower, Target::Any, Target::Minority, Target::Majority];
                Self { isolate: Some(draws.one_of(&isolate, Target::Leader)), ..nothing }
            }
            5..8 => Self { split: Some(draws.groups()), ..nothing },
            _ => Self { one_way: Some(draws.direction()), ..nothing },
        }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        let size = cluster.size();
        let target = match (&self.isolate, &self.split, &self.one_way) {
            (Some(isolated), _, _) => {
                let members = cluster.resolve(*isolated, Needs::Nothing, order)?;
                let links = links::isolating(&members, size);
                ResolvedTarget::links(members, links)
            }
            (None, _, Some(direction)) => return direction.resolve(cluster, order),
            (None, groups, None) => {
                // Validation requires groups when nothing else is given; without any there is no link to cut.
                let groups = groups.as_deref().unwrap_or_default();
                let targets: Vec<Target> = groups.iter().flatten().copied().collect();
                let mut resolved = cluster.resolve_disjoint(&targets, Needs::Nothing, order)?.into_iter();
                let groups: Vec<Vec<_>> = groups.iter().map(|group| resolved.by_ref().take(group.len()).flatten().collect()).collect();
                // Every member loses links by a split, the unnamed ones too.
                let members = (0..).map(MemberIndex).take(size).collect();
                ResolvedTarget::links(members, links::splitting(&groups, size))
            }
        };
        if target.links.is_empty() { Err(NoTarget::NoSuchLink) } else { Ok(target) }
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        let state = LinkState { flow: Flow::Lost, ..LinkState::default() };
        Box::pin(std::future::ready(Ok(shape(executor, target, state, LinkChange::Dropping))))
    }
}

fn check_groups(scope: &Scope<'_>, groups: &[Vec<Target>]) -> Checked {
    let mut named = BTreeSet::new();
    for (group_index, group) in groups.iter().enumerate() {
        if group.is_empty() {
            return Err(Problem::new(scope.at(&format!("split.{group_index}")), "this group is empty"));
        }
        for (index, entry) in group.iter().enumerate() {
            let key = format!("split.{group_index}.{index}");
            scope.target(&key, *entry)?;
            if *entry == Target::All {
                return Err(Problem::new(scope.at(&key), "a group of all members leaves no other group"));
            }
            if !named.insert(entry.to_string()) {
                return Err(Problem::new(scope.at(&key), format!("{entry} is named twice")));
            }
        }
    }
    // Members that are named nowhere are one more group.
    let all_named = (0..scope.members).all(|index| named.contains(&Target::Member(index).to_string()));
    if groups.is_empty() || (groups.len() == 1 && all_named) {
        return Err(Problem::new(scope.at("split"), "one group of all members cuts nothing"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::target::MemberHealth;
    use crate::fault::target::tests::{M1, M2, M3, cluster, order};
    use crate::net::Link;

    fn partition(isolate: Option<Target>, split: Option<Vec<Vec<Target>>>, one_way: Option<Direction>) -> Partition {
        Partition { isolate, split, one_way, lasts: Span::seconds(1) }
    }

    #[test]
    fn a_partition_hits_links_also_of_members_that_are_down() {
        let state = cluster(&[MemberHealth::Down, MemberHealth::Up, MemberHealth::Up], Some(M2));
        let isolated = partition(Some(Target::Member(0)), None, None).resolve(&state, &order(3)).unwrap();
        assert_eq!((isolated.members, isolated.links.len()), (vec![M1], 4));
    }

    #[test]
    fn a_split_separates_its_groups_and_hits_everyone() {
        let split = partition(None, Some(vec![vec![Target::Leader], vec![Target::Member(0), Target::Any]]), None);
        let resolved = split.resolve(&cluster(&[MemberHealth::Up; 3], Some(M2)), &order(3)).unwrap();
        assert_eq!(resolved.members, [M1, M2, M3]);
        assert_eq!(resolved.links, links::isolating(&[M2], 3));
    }

    #[test]
    fn a_direction_has_only_links_that_way() {
        let one_way = partition(None, None, Some(Direction { from: Target::Leader, to: Target::All }));
        let resolved = one_way.resolve(&cluster(&[MemberHealth::Up; 3], Some(M2)), &order(3)).unwrap();
        assert_eq!(resolved.links, [Link::Peer { from: M2, to: M1 }, Link::Peer { from: M2, to: M3 }]);
    }

    #[test]
    fn what_hits_nothing_is_refused() {
        let everyone = partition(Some(Target::All), None, None);
        let state = cluster(&[MemberHealth::Up; 3], Some(M2));
        assert_eq!(everyone.resolve(&state, &order(3)), Err(NoTarget::NoSuchLink));
        assert_eq!(partition(None, None, None).resolve(&state, &order(3)), Err(NoTarget::NoSuchLink));
        assert!(partition(None, None, None).check(&Scope { path: "fault.0.inject.partition", members: 3 }).is_err());
    }
}
