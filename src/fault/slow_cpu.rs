//! `slow_cpu`: a member's process runs for a share of the time only, as on a machine that is too busy.
//!
//! It is stopped and continued in turn, so that everything it does takes longer: heartbeats are late, and a leader may be
//! deposed although it never stops responding.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::fault::{FaultAction, FaultEffect, FaultTarget, NoTarget, ProcessAction};
use ticketcd_judge::history::{MemberIndex, Nanos, nanos};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::definition::{ActiveFault, Fault, Healing, Injection, InjectionFailed, Pending};
use super::draws::Draws;
use super::executor::FaultExecutor;
use super::process_faults::sort_out;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::target::{ClusterState, Needs, TargetOrder};
use crate::settings::problem::{Checked, between};
use crate::settings::units::{Span, Target};
use crate::testbed::{Capabilities, Capability};

/// The process runs once in each period. It is as long as etcd's default heartbeat interval.
const PERIOD: Duration = Duration::from_millis(100);

/// SIGSTOP and SIGCONT in turn: the process runs for a share of the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowCpu {
    /// Which members.
    pub target: Target,
    /// The share of the time that the process runs, in percent.
    #[schemars(range(min = 1, max = 99))]
    pub share_percent: u8,
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Fault for SlowCpu {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        scope.target("target", self.target)?;
        between(&scope.at("share_percent"), self.share_percent.into(), 1, 99)?;
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
        Self { target: draws.target(), share_percent: draws.one_of(&[5, 20, 50, 80], 20), lasts: draws.lasts() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        Ok(ResolvedTarget::unwell(cluster.resolve(self.target, Needs::Process, order)?))
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        Box::pin(async move {
            let (members, actions) = sort_out(executor, pause(executor, &target.members).await)?;
            let running = PERIOD * u32::from(self.share_percent) / 100;
            let cycle = Cycle { executor: executor.clone(), members: members.clone(), running, paused: PERIOD.saturating_sub(running) };
            let stop = CancellationToken::new();
            let slowing = AbortOnDropHandle::new(tokio::spawn(cycle.repeat(stop.clone())));
            let active = Box::new(Slowed { executor: executor.clone(), members: members.clone(), stop, slowing });
            Ok(Injection { members, actions, effects: Vec::new(), active })
        })
    }
}

/// Members that run for a share of the time.
#[derive(Debug)]
struct Slowed {
    executor: FaultExecutor,
    members: Vec<MemberIndex>,
    stop: CancellationToken,
    slowing: AbortOnDropHandle<Pauses>,
}

/// What the pauses of members came to.
#[derive(Debug, Default)]
struct Pauses {
    /// How often the operating system showed each member paused, and for how long.
    shown: BTreeMap<MemberIndex, (u32, Nanos)>,
    /// The last resumptions.
    resumed: Vec<ProcessAction>,
}

impl ActiveFault for Slowed {
    fn heal(self: Box<Self>) -> Pending<'static, Healing> {
        Box::pin(async move {
            self.stop.cancel();
            let pauses = match self.slowing.await {
                Ok(pauses) => pauses,
                // A loop that panicked may have left members paused.
                Err(_) => Pauses { resumed: resume(&self.executor, &self.members).await, ..Pauses::default() },
            };
            self.members.iter().for_each(|member| self.executor.release(*member));
            let effect = |(member, (times, total))| FaultEffect::Paused { member, times, total };
            Healing {
                actions: pauses.resumed.into_iter().map(FaultAction::Process).collect(),
                effects: pauses.shown.into_iter().map(effect).collect(),
            }
        })
    }
}

/// One pause and one run after the other.
struct Cycle {
    executor: FaultExecutor,
    members: Vec<MemberIndex>,
    running: Duration,
    paused: Duration,
}

impl Cycle {
    /// Resumes members that were just paused, and pauses them again, until it is stopped; then all of them run.
    async fn repeat(self, stop: CancellationToken) -> Pauses {
        let mut pauses = Pauses::default();
        loop {
            let since = Instant::now();
            let is_over = stop.run_until_cancelled(tokio::time::sleep(self.paused)).await.is_none();
            for member in self.members.iter().filter(|member| self.executor.is_paused(**member) == Some(true)) {
                let (times, total) = pauses.shown.entry(*member).or_default();
                *times += 1;
                *total += nanos(since.elapsed());
            }
            pauses.resumed = resume(&self.executor, &self.members).await;
            if is_over || stop.run_until_cancelled(tokio::time::sleep(self.running)).await.is_none() {
                return pauses;
            }
            // One whose process has ended meanwhile is paused again when it is back.
            pause(&self.executor, &self.members).await;
        }
    }
}

async fn pause(executor: &FaultExecutor, members: &[MemberIndex]) -> Vec<ProcessAction> {
    let mut actions = Vec::new();
    for member in members {
        actions.push(executor.pause(*member).await);
    }
    actions
}

async fn resume(executor: &FaultExecutor, members: &[MemberIndex]) -> Vec<ProcessAction> {
    let mut actions = Vec::new();
    for member in members {
        actions.push(executor.resume(*member).await);
    }
    actions
}
