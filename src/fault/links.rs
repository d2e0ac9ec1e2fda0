//! Sets of links, and what several faults together demand of one link.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ticketcd_judge::history::MemberIndex;

use crate::net::{Flow, Link, LinkState, LinkTable};

/// The links between these members and all others, both ways.
pub fn isolating(members: &[MemberIndex], size: usize) -> Vec<Link> {
    peers(size).filter(|(from, to)| members.contains(from) != members.contains(to)).map(peer).collect()
}

/// The links between members of different groups. Members that are in no group form one.
pub fn splitting(groups: &[Vec<MemberIndex>], size: usize) -> Vec<Link> {
    let group_of = |member: &MemberIndex| groups.iter().position(|group| group.contains(member));
    peers(size).filter(|(from, to)| group_of(from) != group_of(to)).map(peer).collect()
}

/// The links from these members to those.
pub fn one_way(from: &[MemberIndex], to: &[MemberIndex], size: usize) -> Vec<Link> {
    peers(size).filter(|(sender, receiver)| from.contains(sender) && to.contains(receiver)).map(peer).collect()
}

/// Every peer link into and out of these members.
pub fn touching(members: &[MemberIndex], size: usize) -> Vec<Link> {
    peers(size).filter(|(from, to)| members.contains(from) || members.contains(to)).map(peer).collect()
}

/// The links between the load and these members, both ways.
pub fn of_clients(members: &[MemberIndex]) -> Vec<Link> {
    members.iter().flat_map(|member| [Link::ToMember(*member), Link::FromMember(*member)]).collect()
}

fn peers(size: usize) -> impl Iterator<Item = (MemberIndex, MemberIndex)> {
    let members = move || (0..).map(MemberIndex).take(size);
    members().flat_map(move |from| members().map(move |to| (from, to))).filter(|(from, to)| from != to)
}

fn peer((from, to): (MemberIndex, MemberIndex)) -> Link {
    Link::Peer { from, to }
}

/// What the faults in force demand of each link.
#[derive(Debug, Default)]
struct LinkDemands {
    links: BTreeMap<Link, BTreeMap<u32, LinkState>>,
}

impl LinkDemands {
    /// Adds a fault's demand; returns the state the link must have now.
    fn add(&mut self, fault: u32, link: Link, state: LinkState) -> LinkState {
        let demands = self.links.entry(link).or_default();
        demands.insert(fault, state);
        strongest(demands.values())
    }

    /// Withdraws all demands of a fault; returns the state each of its links must have now.
    fn withdraw(&mut self, fault: u32) -> Vec<(Link, LinkState)> {
        let mut changed = Vec::new();
        self.links.retain(|link, demands| {
            if demands.remove(&fault).is_some() {
                changed.push((*link, strongest(demands.values())));
            }
            !demands.is_empty()
        });
        changed
    }
}

/// The strongest of each property.
fn strongest<'a>(demands: impl Iterator<Item = &'a LinkState>) -> LinkState {
    demands.fold(LinkState::default(), |one, other| LinkState {
        flow: std::cmp::max_by_key(one.flow, other.flow, |flow| severity(*flow)),
        delay: one.delay.max(other.delay),
        jitter: one.jitter.max(other.jitter),
    })
}

/// Losing is worse than holding: what is lost under one fault must not arrive because another only held it.
fn severity(flow: Flow) -> u8 {
    match flow {
        Flow::Open => 0,
        Flow::Held => 1,
        Flow::Lost => 2,
    }
}

/// Bytes on a set of links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// That were carried.
    pub carried_bytes: u64,
    /// That arrived while the link carried nothing.
    pub stopped_bytes: u64,
}

impl Traffic {
    /// What there was since an earlier count.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            carried_bytes: self.carried_bytes.saturating_sub(earlier.carried_bytes),
            stopped_bytes: self.stopped_bytes.saturating_sub(earlier.stopped_bytes),
        }
    }
}

/// The link table, shared by faults that overlap: a link has the strongest state that any of them demands, and opens
/// when the last demand is withdrawn.
#[derive(Debug)]
pub struct Links {
    table: LinkTable,
    demands: Mutex<LinkDemands>,
}

impl Links {
    /// Only faults set links while they use the table.
    pub fn new(table: LinkTable) -> Self {
        Self { table, demands: Mutex::default() }
    }

    /// Demands a state of these links for a fault.
    pub fn demand(&self, fault: u32, links: &[Link], state: LinkState) {
        let mut demands = self.demands();
        for link in links {
            self.table.set(*link, demands.add(fault, *link, state));
        }
    }

    /// Withdraws what a fault demanded.
    pub fn withdraw(&self, fault: u32) {
        let mut demands = self.demands();
        for (link, state) in demands.withdraw(fault) {
            self.table.set(link, state);
        }
    }

    /// Cuts the connections that carry these links; returns how many there were.
    pub fn reset(&self, links: &[Link]) -> usize {
        self.table.reset(links)
    }

    /// Bytes on these links so far.
    pub fn traffic(&self, links: &[Link]) -> Traffic {
        links.iter().fold(Traffic::default(), |sum, link| Traffic {
            carried_bytes: sum.carried_bytes + self.table.carried_bytes(*link),
            stopped_bytes: sum.stopped_bytes + self.table.stopped_bytes(*link),
        })
    }

    /// The lock is held while the table is set, so that the last to demand is the last to set.
    fn demands(&self) -> MutexGuard<'_, LinkDemands> {
        // A demand is one map insertion: a panic cannot have left half of one.
        self.demands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const M1: MemberIndex = MemberIndex(0);
    const M2: MemberIndex = MemberIndex(1);
    const M3: MemberIndex = MemberIndex(2);

    fn link(from: MemberIndex, to: MemberIndex) -> Link {
        Link::Peer { from, to }
    }

    fn slow(delay_ms: u64, jitter_ms: u64) -> LinkState {
        LinkState { flow: Flow::Open, delay: Duration::from_millis(delay_ms), jitter: Duration::from_millis(jitter_ms) }
    }

    fn with(flow: Flow) -> LinkState {
        LinkState { flow, ..LinkState::default() }
    }

    #[test]
    fn link_sets_name_directed_links() {
        assert_eq!(isolating(&[M2], 3), [link(M1, M2), link(M2, M1), link(M2, M3), link(M3, M2)]);
        assert_eq!(isolating(&[M1, M3], 3), [link(M1, M2), link(M2, M1), link(M2, M3), link(M3, M2)], "within the group links work");
        assert_eq!(splitting(&[vec![M1], vec![M2]], 3).len(), 6, "the unnamed m3 is a group of its own");
        assert_eq!(splitting(&[vec![M1, M2]], 3), isolating(&[M3], 3));
        assert_eq!(one_way(&[M1], &[M1, M2], 3), [link(M1, M2)], "a member has no link to itself");
        assert_eq!(touching(&[M1, M3], 3).len(), 6);
        assert_eq!(of_clients(&[M2]), [Link::ToMember(M2), Link::FromMember(M2)]);
    }

    #[test]
    fn overlapping_demands_compose_and_end_one_by_one() {
        let (mut demands, shared, alone) = (LinkDemands::default(), link(M1, M2), link(M2, M3));
        assert_eq!(demands.add(0, shared, slow(50, 5)), slow(50, 5));
        assert_eq!(demands.add(1, shared, with(Flow::Lost)), LinkState { flow: Flow::Lost, ..slow(50, 5) });
        assert_eq!(demands.add(2, shared, with(Flow::Held)), LinkState { flow: Flow::Lost, ..slow(50, 5) });
        assert_eq!(demands.add(2, alone, with(Flow::Held)), with(Flow::Held));
        assert_eq!(demands.withdraw(1), [(shared, LinkState { flow: Flow::Held, ..slow(50, 5) })]);
        assert_eq!(demands.withdraw(2), [(shared, slow(50, 5)), (alone, LinkState::default())]);
        assert_eq!(demands.withdraw(2), [], "a second withdrawal changes nothing");
        assert_eq!(demands.withdraw(0), [(shared, LinkState::default())]);
        assert!(demands.links.is_empty());
    }

    #[test]
    fn two_delays_give_the_longer_of_each_property() {
        let mut demands = LinkDemands::default();
        demands.add(0, link(M1, M2), slow(10, 90));
        assert_eq!(demands.add(1, link(M1, M2), slow(40, 5)), slow(40, 90));
    }
}
