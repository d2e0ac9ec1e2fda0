//! `crash_loop`: a member's process is killed and started again, over and over.
//!
//! Each start replays what the one before had begun: a member that survives one crash may not survive one in the middle of
//! its recovery.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::fault::{FaultAction, FaultEffect, FaultTarget, NoTarget};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::definition::{ActiveFault, Fault, Healing, Injection, InjectionFailed, Pending};
use super::draws::Draws;
use super::executor::{Ending, FaultExecutor};
use super::process_faults::sort_out;
use super::resolved_target::ResolvedTarget;
use super::scope::Scope;
use super::settings::one_second;
use super::target::{ClusterState, Needs, TargetOrder};
use crate::settings::limits;
use crate::settings::problem::{Checked, span};
use crate::settings::units::{Span, Target};
use crate::testbed::{Capabilities, Capability};

/// SIGKILL and a start at once, over and over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrashLoop {
    /// Which members.
    pub target: Target,
    /// How long each process runs before it is killed.
    #[serde(default = "one_second")]
    pub every: Span,
    /// How long the loop lasts.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Fault for CrashLoop {
    fn check(&self, scope: &Scope<'_>) -> Checked {
        scope.target("target", self.target)?;
        span(&scope.at("every"), self.every, limits::SPAN_MAX)?;
        scope.lasts(self.lasts)
    }

    fn target(&self) -> FaultTarget {
        FaultTarget::Members(self.target.into())
    }

    fn lasts(&self) -> Duration {
        self.lasts.0
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Kill, Capability::Start]
    }

    /// Raft assumes that processes stop at any moment, and that they find again what they wrote before.
    fn survivable(&self, testbed: &Capabilities) -> bool {
        testbed.syncs_writes
    }

    fn draw(draws: &mut Draws<'_>) -> Self {
        Self { target: draws.target(), every: draws.milliseconds(&[100, 300, 1_000]), lasts: draws.lasts() }
    }

    fn resolve(&self, cluster: &ClusterState, order: &TargetOrder) -> Result<ResolvedTarget, NoTarget> {
        Ok(ResolvedTarget::down(cluster.resolve(self.target, Needs::Process, order)?))
    }

    fn inject<'a>(&'a self, executor: &'a FaultExecutor, target: ResolvedTarget) -> Pending<'a, Result<Injection, InjectionFailed>> {
        Box::pin(async move {
            let (members, actions) = sort_out(executor, executor.end_all(&target.members, Ending::Kill).await)?;
            let stop = CancellationToken::new();
            let crashing = crash(executor.clone(), members.clone(), self.every.0, stop.clone());
            let crashing = AbortOnDropHandle::new(tokio::spawn(crashing));
            let active = Box::new(Crashing { executor: executor.clone(), members: members.clone(), stop, crashing });
            Ok(Injection { members, actions, effects: Vec::new(), active })
        })
    }
}

/// Members in a crash loop.
#[derive(Debug)]
struct Crashing {
    executor: FaultExecutor,
    members: Vec<MemberIndex>,
    stop: CancellationToken,
    /// Returns how often each member crashed.
    crashing: AbortOnDropHandle<BTreeMap<MemberIndex, u32>>,
}

impl ActiveFault for Crashing {
    fn heal(self: Box<Self>) -> Pending<'static, Healing> {
        Box::pin(async move {
            self.stop.cancel();
            // A loop that panicked has counted nothing; its members are started all the same.
            let crashes = self.crashing.await.unwrap_or_default();
            let effect = |(member, times)| FaultEffect::ProcessEnded { member, times };
            let mut healing = Healing { actions: Vec::new(), effects: crashes.into_iter().map(effect).collect() };
            for member in self.members {
                healing.actions.push(FaultAction::Process(self.executor.start(member).await));
                self.executor.release(member);
            }
            healing
        })
    }
}

/// Starts members that were just killed, and kills them again, until it is stopped. Returns how often each crashed.
async fn crash(executor: FaultExecutor, members: Vec<MemberIndex>, every: Duration, stop: CancellationToken) -> BTreeMap<MemberIndex, u32> {
    let mut crashes: BTreeMap<_, _> = members.iter().map(|member| (*member, 1)).collect();
    loop {
        for member in &members {
            // One that cannot be started is reported when the fault is healed.
            executor.start(*member).await;
        }
        tokio::select! {
            () = stop.cancelled() => return crashes,
            () = tokio::time::sleep(every) => {}
        }
        for action in executor.end_all(&members, Ending::Kill).await {
            *crashes.entry(action.member).or_default() += u32::from(action.result.is_ok());
        }
    }
}
