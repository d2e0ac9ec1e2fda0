//! What faults of links share: links that have another state for a while.

use ticketcd_judge::history::fault::{FaultAction, FaultEffect, LinkChange};

use super::definition::{ActiveFault, Healing, Injection, Pending};
use super::executor::FaultExecutor;
use super::links::Traffic;
use super::resolved_target::ResolvedTarget;
use crate::net::{Link, LinkState};

/// Demands a state of links; healing withdraws the demand.
pub(super) fn shape(executor: &FaultExecutor, target: ResolvedTarget, state: LinkState, change: LinkChange) -> Injection {
    let ResolvedTarget { members, links, .. } = target;
    let before = executor.traffic(&links);
    executor.shape(&links, state);
    let actions = vec![FaultAction::Links { links: links.clone(), change }];
    let active = Box::new(Shaped { executor: executor.clone(), links, before });
    Injection { members, actions, effects: Vec::new(), active }
}

/// Links that have another state.
#[derive(Debug)]
struct Shaped {
    executor: FaultExecutor,
    links: Vec<Link>,
    before: Traffic,
}

impl ActiveFault for Shaped {
    fn heal(self: Box<Self>) -> Pending<'static, Healing> {
        self.executor.withdraw();
        let traffic = self.executor.traffic(&self.links).since(self.before);
        let stopped = FaultEffect::TrafficStopped { bytes: traffic.stopped_bytes };
        let delivered = FaultEffect::TrafficDelivered { bytes: traffic.carried_bytes };
        let seen = [(traffic.stopped_bytes, stopped), (traffic.carried_bytes, delivered)];
        let effects = seen.into_iter().filter(|(bytes, _)| *bytes > 0).map(|(_, effect)| effect).collect();
        let actions = vec![FaultAction::Links { links: self.links, change: LinkChange::Restored }];
        Box::pin(std::future::ready(Healing { actions, effects }))
    }
}
