//! `black_hole`: links hold traffic back while their connections stay open.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::fault::{FaultTarget, LinkChange, NoTarget};

use super::definition::{Fault, Injection, InjectionFailed, Pending};
use super::draws::Draws;
use super::executor::FaultExecutor;
use super::link_faults::shape;
use super::link_set::LinkSet;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, TargetOrder};
use crate::net::{Flow, LinkState};
use crate::settings::problem::Checked;
use crate::settings::units::Span;
use crate::testbed::{Capabilities, Capability};

/// Links that deliver nothing while their connections stay open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlackHole {
    /// Which links.
    pub on: LinkSet,
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Fault for BlackHole {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        self.on.check(scope)?;
        scope.lasts(self.lasts)
    }

    fn target(&self) -> FaultTarget {
        self.on.target()
    }

    fn lasts(&self) -> Duration {
        self.lasts.0
    }

    fn needs(&self) -> Vec<Capability> {
        vec![self.on.needs()]
    }

    /// Raft assumes that messages are late.
    fn survivable(&self, _testbed: &Capabilities) -> bool {
        true
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        Self { on: draws.links(), lasts: draws.lasts() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        self.on.resolve(cluster, order)
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        let state = LinkState { flow: Flow::Held, ..LinkState::default() };
        Box::pin(std::future::ready(Ok(shape(executor, target, state, LinkChange::Holding))))
    }
}
