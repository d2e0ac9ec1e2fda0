//! `restart`: a member is asked to end, and is started at once on the data it left.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::fault::{FaultTarget, NoTarget};

use super::definition::{Fault, Injection, InjectionFailed, Pending};
use super::draws::Draws;
use super::executor::{Ending, FaultExecutor};
use super::process_faults::take_down;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, Needs, TargetOrder};
use crate::settings::problem::Checked;
use crate::settings::units::Target;
use crate::testbed::{Capabilities, Capability};

/// SIGTERM and a start at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Which members.
    pub target: Target,
}

impl Fault for Restart {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        scope.target("target", self.target)
    }

    fn target(&self) -> FaultTarget {
        FaultTarget::Members(self.target.into())
    }

    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Terminate, Capability::Start]
    }

    /// Raft assumes that processes stop at any moment, and that they find again what they wrote before.
    fn survivable(&self, testbed: &Capabilities) -> bool {
        testbed.syncs_writes
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        Self { target: draws.target() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        Ok(ResolvedTarget::down(cluster.resolve(self.target, Needs::Process, order)?))
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        Box::pin(async move { take_down(executor, &target.members, Ending::Terminate).await })
    }
}
