//! `kill`: a member's process ends at once, and is started later on the data it left.

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
use super::settings::one_second;
use super::target::{ClusterState, Needs, TargetOrder};
use crate::settings::problem::Checked;
use crate::settings::units::{Span, Target};
use crate::testbed::{Capabilities, Capability};

/// SIGKILL, and a start later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// Which members.
    pub target: Target,
    /// When they are started again, counted from when they went down.
    #[serde(default = "one_second")]
    pub restart_after: Span,
}

impl Fault for Kill {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        scope.target("target", self.target)?;
        scope.pause("restart_after", self.restart_after)
    }

    fn target(&self) -> FaultTarget {
        FaultTarget::Members(self.target.into())
    }

    fn lasts(&self) -> Duration {
        self.restart_after.0
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Kill, Capability::Start]
    }

    /// Raft assumes that processes stop at any moment, and that they find again what they wrote before.
    fn survivable(&self, testbed: &Capabilities) -> bool {
        testbed.syncs_writes
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        Self { target: draws.target(), restart_after: draws.down_for() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        Ok(ResolvedTarget::down(cluster.resolve(self.target, Needs::Process, order)?))
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        Box::pin(async move { take_down(executor, &target.members, Ending::Kill).await })
    }
}
