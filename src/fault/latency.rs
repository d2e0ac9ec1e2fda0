//! `latency`: links deliver later, in order.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::fault::{FaultTarget, LinkChange, NoTarget};
use ticketcd_judge::history::nanos;

use super::definition::{Fault, Injection, InjectionFailed, Pending};
use super::draws::Draws;
use super::executor::FaultExecutor;
use super::link_faults::shape;
use super::link_set::LinkSet;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, TargetOrder};
use crate::net::{Flow, LinkState};
use crate::settings::limits;
use crate::settings::problem::{Checked, Problem, span_or_none};
use crate::settings::units::Span;
use crate::testbed::{Capabilities, Capability};

/// Links that are slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Which links.
    pub on: LinkSet,
    /// Added latency.
    pub delay: Span,
    /// Largest further latency, drawn evenly.
    #[serde(default)]
    pub jitter: Span,
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Fault for Latency {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        self.on.check(scope)?;
        span_or_none(&scope.at("delay"), self.delay, limits::TIMEOUT_MAX)?;
        span_or_none(&scope.at("jitter"), self.jitter, limits::TIMEOUT_MAX)?;
        if self.delay.0.is_zero() && self.jitter.0.is_zero() {
            return Err(Problem::new(scope.at("delay"), "with neither delay nor jitter nothing is slow"));
        }
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

    /// Raft assumes that messages are late. TCP keeps them whole and in order.
    fn survivable(&self, _testbed: &Capabilities) -> bool {
        true
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        let delay = draws.milliseconds(&[0, 5, 20, 50, 200]);
        let jitter = draws.milliseconds(&[1, 5, 20, 50]);
        Self { on: draws.links(), delay, jitter, lasts: draws.lasts() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        self.on.resolve(cluster, order)
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        let state = LinkState { flow: Flow::Open, delay: self.delay.0, jitter: self.jitter.0 };
        let change = LinkChange::Delaying { delay: nanos(self.delay.0), jitter: nanos(self.jitter.0) };
        Box::pin(std::future::ready(Ok(shape(executor, target, state, change))))
    }
}
