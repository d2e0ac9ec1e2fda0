//! `pause`: a member's process is stopped without ending it, and continues later.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::fault::{FaultTarget, NoTarget};

use super::definition::{Fault, Injection, InjectionFailed, Pending};
use super::draws::Draws;
use super::executor::FaultExecutor;
use super::process_faults::pause;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, Needs, TargetOrder};
use crate::settings::problem::Checked;
use crate::settings::units::{Span, Target};
use crate::testbed::{Capabilities, Capability};

/// SIGSTOP, and SIGCONT later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Which members.
    pub target: Target,
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Fault for Pause {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        scope.target("target", self.target)?;
        scope.lasts(self.lasts)
    }

    fn target(&self) -> FaultTarget {
        FaultTarget::Members(self.target.into())
    }

    fn lasts(&self) -> Duration {
        self.lasts.0
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Pause]
    }

    /// Raft assumes nothing about how fast a process is.
    fn survivable(&self, _testbed: &Capabilities) -> bool {
        true
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        Self { target: draws.target(), lasts: draws.lasts() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        Ok(ResolvedTarget::unwell(cluster.resolve(self.target, Needs::Process, order)?))
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        Box::pin(async move { pause(executor, &target.members).await })
    }
}
