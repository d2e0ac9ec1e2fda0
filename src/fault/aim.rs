//! What a fault is about to hit: members, or links and the members at their ends.

use ticketcd_judge::model::MemberIndex;

use super::links;
use super::target::{Needs, Preference, Situation};
use crate::net::Link;
use crate::scenario::types::{Direction, Inject, LinkSet, Partition};
use crate::scenario::units::Target;

/// What a fault is about to hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    /// The members it hits.
    pub(super) members: Vec<MemberIndex>,
    /// The links it hits; none when it hits processes.
    pub(super) links: Vec<Link>,
}

/// Resolves whatever a fault is aimed at, in the cluster as it is.
///
/// # Errors
/// Why there is nobody or nothing to hit, in words.
pub(super) fn aim(inject: &Inject, situation: &Situation, preference: &Preference) -> Result<Aim, String> {
    let process = |target| {
        let members = situation.resolve(target, Needs::Process, preference)?;
        Ok(Aim { members, links: Vec::new() })
    };
    let aim = match inject {
        Inject::Kill(down) | Inject::Terminate(down) => return process(down.target),
        Inject::Pause(pause) => return process(pause.target),
        Inject::Restart(restart) => return process(restart.target),
        Inject::Partition(partition) => aim_partition(partition, situation, preference)?,
        Inject::Latency(latency) => aim_links(&latency.on, situation, preference)?,
        Inject::BlackHole(set) => aim_links(&set.on, situation, preference)?,
        Inject::Reset(set) => aim_links(&set.on, situation, preference)?,
    };
    if aim.links.is_empty() { Err("there is no such link in a cluster of this size".to_owned()) } else { Ok(aim) }
}

fn aim_partition(partition: &Partition, situation: &Situation, preference: &Preference) -> Result<Aim, String> {
    let size = situation.standings.len();
    match (&partition.isolate, &partition.split, &partition.one_way) {
        (Some(target), None, None) => {
            let members = situation.resolve(*target, Needs::Nothing, preference)?;
            Ok(Aim { links: links::isolating(&members, size), members })
        }
        (None, Some(groups), None) => {
            let targets: Vec<Target> = groups.iter().flatten().copied().collect();
            let mut resolved = situation.resolve_disjoint(&targets, Needs::Nothing, preference)?.into_iter();
            let groups: Vec<Vec<_>> = groups.iter().map(|group| resolved.by_ref().take(group.len()).flatten().collect()).collect();
            // Every member loses links by a split, the unnamed ones too.
            let members = (0..).map(MemberIndex).take(size).collect();
            Ok(Aim { links: links::splitting(&groups, size), members })
        }
        (None, None, Some(direction)) => aim_direction(direction, situation, preference),
        _ => Err("a partition is exactly one of isolate, split and one_way".to_owned()),
    }
}

fn aim_links(set: &LinkSet, situation: &Situation, preference: &Preference) -> Result<Aim, String> {
    let resolve = |target| situation.resolve(target, Needs::Nothing, preference);
    match set {
        LinkSet::Peers(target) => {
            let members = resolve(*target)?;
            Ok(Aim { links: links::touching(&members, situation.standings.len()), members })
        }
        LinkSet::Peer(direction) => aim_direction(direction, situation, preference),
        LinkSet::Clients(target) => {
            let members = resolve(*target)?;
            Ok(Aim { links: links::of_clients(&members), members })
        }
    }
}

fn aim_direction(direction: &Direction, situation: &Situation, preference: &Preference) -> Result<Aim, String> {
    let resolved = situation.resolve_disjoint(&[direction.from, direction.to], Needs::Nothing, preference)?;
    let [from, to] = resolved.as_slice() else { return Err("a direction has two ends".to_owned()) };
    let links = links::one_way(from, to, situation.standings.len());
    let mut members = [from.as_slice(), to.as_slice()].concat();
    members.sort_unstable();
    Ok(Aim { members, links })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::target::Standing;
    use crate::scenario::streams::stream;
    use crate::scenario::types::{Links, Pause};
    use crate::scenario::units::Span;

    const M1: MemberIndex = MemberIndex(0);
    const M2: MemberIndex = MemberIndex(1);
    const M3: MemberIndex = MemberIndex(2);

    fn aim_at(inject: &Inject, standings: &[Standing]) -> Result<Aim, String> {
        let situation = Situation { standings: standings.to_vec(), leader: Some(M2) };
        let preference = Preference::draw(standings.len(), &mut stream(1, "fault target", 0));
        aim(inject, &situation, &preference)
    }

    fn partition(isolate: Option<Target>, split: Option<Vec<Vec<Target>>>, one_way: Option<Direction>) -> Inject {
        Inject::Partition(Partition { isolate, split, one_way, lasts: Span::seconds(1) })
    }

    #[test]
    fn a_partition_hits_links_also_of_members_that_are_down() {
        let standings = [Standing::Down, Standing::Up, Standing::Up];
        let isolated = aim_at(&partition(Some(Target::Member(0)), None, None), &standings).unwrap();
        assert_eq!((isolated.members, isolated.links.len()), (vec![M1], 4));
        let pause = Inject::Pause(Pause { target: Target::Member(0), lasts: Span::seconds(1) });
        assert_eq!(aim_at(&pause, &standings), Err("m1 is down".to_owned()));
    }

    #[test]
    fn a_split_separates_its_groups_and_hits_everyone() {
        let split = partition(None, Some(vec![vec![Target::Leader], vec![Target::Member(0), Target::Any]]), None);
        let split = aim_at(&split, &[Standing::Up; 3]).unwrap();
        assert_eq!(split.members, [M1, M2, M3]);
        assert_eq!(split.links, links::isolating(&[M2], 3));
    }

    #[test]
    fn a_direction_has_only_links_that_way() {
        let direction = Direction { from: Target::Leader, to: Target::All };
        let expected = [Link::Peer { from: M2, to: M1 }, Link::Peer { from: M2, to: M3 }];
        let one_way = aim_at(&partition(None, None, Some(direction.clone())), &[Standing::Up; 3]).unwrap();
        assert_eq!(one_way.links, expected);
        let held = Inject::BlackHole(Links { on: LinkSet::Peer(direction), lasts: Span::seconds(1) });
        assert_eq!(aim_at(&held, &[Standing::Up; 3]).unwrap().links, expected);
    }

    #[test]
    fn what_hits_nothing_is_refused() {
        let everyone = partition(Some(Target::All), None, None);
        assert!(aim_at(&everyone, &[Standing::Up; 3]).unwrap_err().contains("no such link"));
        assert!(aim_at(&partition(None, None, None), &[Standing::Up; 3]).is_err());
        let clients = Inject::BlackHole(Links { on: LinkSet::Clients(Target::Leader), lasts: Span::seconds(1) });
        assert_eq!(aim_at(&clients, &[Standing::Up; 3]).unwrap().links, [Link::ToMember(M2), Link::FromMember(M2)]);
    }
}
