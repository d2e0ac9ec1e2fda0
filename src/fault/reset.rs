//! `reset`: connections are cut, once; new ones may be made.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::fault::{FaultTarget, NoTarget};

use super::definition::{Fault, Injection, InjectionFailed, Over, Pending};
use super::draws::Draws;
use super::executor::FaultExecutor;
use super::link_set::LinkSet;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, TargetOrder};
use crate::settings::problem::Checked;
use crate::testbed::{Capabilities, Capability};

/// Links whose connections are cut, once; new ones may be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Which links.
    pub on: LinkSet,
}

impl Fault for Reset {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        self.on.check(scope)
    }

    fn target(&self) -> FaultTarget {
        self.on.target()
    }

    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    fn needs(&self) -> Vec<Capability> {
        vec![self.on.needs()]
    }

    /// Raft assumes that connections break.
    fn survivable(&self, _testbed: &Capabilities) -> bool {
        true
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        Self { on: draws.links() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        self.on.resolve(cluster, order)
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        let (action, effects) = executor.reset(target.links);
        let injection = Injection { members: target.members, actions: vec![action], effects, active: Box::new(Over) };
        Box::pin(std::future::ready(Ok(injection)))
    }
}
