//! Links, as scenarios name them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::fault::{FaultTarget, NoTarget};

use super::links;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, Needs, TargetOrder};
use crate::settings::problem::{Checked, Problem};
use crate::settings::units::Target;
use crate::testbed::Capability;

/// Which links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkSet {
    /// Every peer link into and out of these members.
    Peers(Target),
    /// Directed peer links.
    Peer(Direction),
    /// The links between the load and these members, both ways.
    Clients(Target),
}

/// Directed peer links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Direction {
    /// From these members.
    pub from: Target,
    /// To these members.
    pub to: Target,
}

impl LinkSet {
    /// Whether the cluster has such links. They are the setting `on` of a fault.
    ///
    /// # Errors
    /// When it has none.
    pub fn check(&self, scope: &Scope<'_>) -> Checked {
        match self {
            Self::Peers(target) => {
                scope.has_peers(&scope.at("on"))?;
                scope.target("on.peers", *target)
            }
            Self::Peer(direction) => {
                scope.has_peers(&scope.at("on"))?;
                direction.check(scope, "on.peer")
            }
            Self::Clients(target) => scope.target("on.clients", *target),
        }
    }

    /// The links, as the record names them.
    pub fn target(&self) -> FaultTarget {
        match self {
            Self::Peers(target) => FaultTarget::PeersOf((*target).into()),
            Self::Peer(direction) => direction.target(),
            Self::Clients(target) => FaultTarget::ClientsOf((*target).into()),
        }
    }

    /// What shaping them needs of the testbed.
    pub fn needs(&self) -> Capability {
        match self {
            Self::Peers(_) | Self::Peer(_) => Capability::ShapePeerLinks,
            Self::Clients(_) => Capability::ShapeClientLinks,
        }
    }

    /// The links and the members at their ends, in the cluster as it is.
    ///
    /// # Errors
    /// Why there are none.
    pub fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        let resolve = |target| cluster.resolve(target, Needs::Nothing, order);
        let target = match self {
            Self::Peers(target) => {
                let members = resolve(*target)?;
                let links = links::touching(&members, cluster.size());
                ResolvedTarget::links(members, links)
            }
            Self::Peer(direction) => return direction.resolve(cluster, order),
            Self::Clients(target) => {
                let members = resolve(*target)?;
                let links = links::of_clients(&members);
                ResolvedTarget::links(members, links)
            }
        };
        if target.links.is_empty() { Err(NoTarget::NoSuchLink) } else { Ok(target) }
    }
}

impl Direction {
    /// Whether the cluster has such links. They are the setting `key` of a fault.
    ///
    /// # Errors
    /// When it has none.
    pub fn check(&self, scope: &Scope<'_>, key: &str) -> Checked {
        scope.target(&format!("{key}.from"), self.from)?;
        scope.target(&format!("{key}.to"), self.to)?;
        match (self.from, self.to) {
            (from, to) if from == to && matches!(from, Target::Member(_) | Target::Leader) => {
                Err(Problem::new(scope.at(&format!("{key}.to")), format!("there is no link from {from} to itself")))
            }
            _ => Ok(()),
        }
    }

    /// The links, as the record names them.
    pub fn target(&self) -> FaultTarget {
        FaultTarget::OneWay { from: self.from.into(), to: self.to.into() }
    }

    /// The links and the members at their ends, in the cluster as it is.
    ///
    /// # Errors
    /// Why there are none.
    pub fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        // It returns one list per target.
        let mut resolved = cluster.resolve_disjoint(&[self.from, self.to], Needs::Nothing, order)?.into_iter();
        let (from, to) = (resolved.next().unwrap_or_default(), resolved.next().unwrap_or_default());
        let links = links::one_way(&from, &to, cluster.size());
        if links.is_empty() {
            return Err(NoTarget::NoSuchLink);
        }
        let mut members = [from, to].concat();
        members.sort_unstable();
        Ok(ResolvedTarget::links(members, links))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::target::MemberHealth;
    use crate::fault::target::tests::{M1, M2, M3, cluster, order};
    use crate::net::Link;

    #[test]
    fn link_sets_are_resolved_to_directed_links_and_name_what_they_need() {
        let state = cluster(&[MemberHealth::Up; 3], Some(M2));
        let links = |set: LinkSet| set.resolve(&state, &order(3)).map(|target| target.links);
        let one_way = LinkSet::Peer(Direction { from: Target::Leader, to: Target::All });
        assert_eq!(one_way.needs(), Capability::ShapePeerLinks);
        assert_eq!(links(one_way), Ok(vec![Link::Peer { from: M2, to: M1 }, Link::Peer { from: M2, to: M3 }]));
        let clients = LinkSet::Clients(Target::Leader);
        assert_eq!(clients.needs(), Capability::ShapeClientLinks);
        assert_eq!(links(clients), Ok(vec![Link::ToMember(M2), Link::FromMember(M2)]));
        assert_eq!(links(LinkSet::Peers(Target::Member(0))).map(|links| links.len()), Ok(4));
    }
}
