//! Carries out the plan: waits, resolves, injects, watches, heals, waits for recovery, and records each step.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::event::{Event, FaultEvent, FaultStage, Invalid};
use ticketcd_judge::history::fault::{FaultEffect, NotInjected, NotRecovered};
use ticketcd_judge::history::invalid::InvalidReason;
use ticketcd_judge::history::{MemberIndex, Nanos, nanos};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::definition::{Fault, InjectionFailed};
use super::effects::Effects;
use super::executor::FaultExecutor;
use super::plan::{Plan, PlannedFault};
use super::resolved_target::ResolvedTarget;
use super::target::TargetOrder;
use crate::etcd::sampler::{NotInTime, View, await_view};
use crate::record::Sink;
use crate::settings::streams::stream;
use crate::testbed::Testbed;

/// How long a fault that is due waits for its target: an election after another fault takes up to a few seconds.
const TARGET_WAIT: Duration = Duration::from_secs(10);

/// How long the cluster may take to recover once no fault is active.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// The same after Ctrl-C: the user is waiting.
const INTERRUPTED_RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Carries out the plan and records each step. Begins by recording every fault as planned: call it before the load
/// begins, with the moment at which the steady phase will have begun.
///
/// Returns when every fault is healed and recovered from, or given up. When `cancel` fires, everything in force is
/// healed at once and nothing more is injected. `view` must come from a sampler of the same testbed that runs longer.
pub async fn run(
    plan: &Plan,
    seed: u64,
    testbed: &Arc<Testbed>,
    view: watch::Receiver<View>,
    sink: &Sink,
    steady_began: Nanos,
    cancel: CancellationToken,
) {
    let capabilities = testbed.capabilities();
    for (fault, planned) in (0..).zip(&plan.faults) {
        let stage = FaultStage::Planned {
            kind: planned.inject.name().to_owned(),
            target: planned.inject.target(),
            due: nanos(planned.due),
            survivable: planned.inject.survivable(&capabilities),
        };
        sink.record(Event::Fault(FaultEvent { fault, at: sink.now(), stage })).await;
    }
    let (in_force, _) = watch::channel(0);
    let executor = FaultExecutor::new(testbed);
    let injector = Arc::new(Injector { seed, executor, view, sink: sink.clone(), steady_began, cancel, in_force });
    let mut faults = JoinSet::new();
    for (fault, planned) in (0..).zip(plan.faults.iter().cloned()) {
        let injector = Arc::clone(&injector);
        faults.spawn(async move { injector.carry_out(fault, planned).await });
    }
    while let Some(ended) = faults.join_next().await {
        if let Err(error) = ended {
            let reason = InvalidReason::FaultAborted { detail: error.to_string() };
            sink.record(Event::Invalid(Invalid { at: sink.now(), reason })).await;
        }
    }
}

/// What all faults of a run share.
#[derive(Debug)]
struct Injector {
    seed: u64,
    executor: FaultExecutor,
    view: watch::Receiver<View>,
    sink: Sink,
    steady_began: Nanos,
    cancel: CancellationToken,
    /// How many faults are injected and not healed.
    in_force: watch::Sender<usize>,
}

/// Counts a fault as in force while it lives.
struct InForce<'a>(&'a watch::Sender<usize>);

impl<'a> InForce<'a> {
    fn begin(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for InForce<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Injector {
    /// One fault, from waiting until it is due to the recovery after it.
    async fn carry_out(&self, fault: u32, planned: PlannedFault) {
        let executor = self.executor.of_fault(fault);
        let target = match self.wait_and_resolve(fault, &planned, &executor).await {
            Ok(target) => target,
            Err(reason) => return self.record(fault, self.sink.now(), FaultStage::NotInjected(reason)).await,
        };
        let before = self.view.borrow().clone();
        let in_force = InForce::begin(&self.in_force);
        let at = self.sink.now();
        let injection = match planned.inject.inject(&executor, target).await {
            Ok(injection) => injection,
            Err(InjectionFailed(actions)) => {
                return self.record(fault, at, FaultStage::NotInjected(NotInjected::Failed { actions })).await;
            }
        };
        let members = injection.members;
        let injected = FaultStage::Injected { members: members.clone(), actions: injection.actions, leader: before.leadership() };
        self.record(fault, at, injected).await;
        self.record_effects(fault, injection.effects).await;

        let mut effects = Effects::new(&before, &members, at);
        let over = async {
            tokio::select! {
                () = tokio::time::sleep(planned.inject.lasts()) => {}
                () = self.cancel.cancelled() => {}
            }
        };
        self.watch_until(over, fault, &mut effects).await;

        let healing = injection.active.heal().await;
        drop(in_force);
        let is_complete = healing.is_complete();
        self.record_effects(fault, healing.effects).await;
        let healed = self.sink.now();
        let recovery = self.watch_until(self.recovery(&members, healed), fault, &mut effects).await;
        let (at, actions) = (self.sink.now(), healing.actions);
        let stage = match recovery {
            _ if !is_complete => FaultStage::NotRecovered { actions, reason: NotRecovered::HealingFailed },
            Err(reason) => FaultStage::NotRecovered { actions, reason },
            Ok(()) => FaultStage::Healed { actions, recovered_after: at.saturating_sub(healed) },
        };
        self.record(fault, at, stage).await;
    }

    /// Waits until the fault is due and has a target.
    ///
    /// # Errors
    /// Why it is not to be injected.
    async fn wait_and_resolve(&self, fault: u32, planned: &PlannedFault, executor: &FaultExecutor) -> Result<ResolvedTarget, NotInjected> {
        let due = self.sink.instant(self.steady_began.saturating_add(nanos(planned.due)));
        let resolved = async {
            tokio::time::sleep_until(due.into()).await;
            let order = TargetOrder::draw(executor.size(), &mut stream(self.seed, "fault target", fault));
            let inject: &dyn Fault = &*planned.inject;
            let resolve = |view: &View| executor.resolve(inject, view, &order);
            let late = |late: NotInTime<_>| NotInjected::NoTarget { reason: late.missing, waited: nanos(late.after) };
            await_view(&mut self.view.clone(), TARGET_WAIT, resolve).await.map_err(late)
        };
        tokio::select! {
            // In this order nothing is injected after an interruption, and no claim is forgotten.
            biased;
            () = self.cancel.cancelled() => Err(NotInjected::Interrupted),
            resolved = resolved => resolved,
        }
    }

    /// Waits for something and records meanwhile what the fault visibly causes.
    async fn watch_until<T>(&self, end: impl Future<Output = T>, fault: u32, effects: &mut Effects) -> T {
        let mut view = self.view.clone();
        let mut end = pin!(end);
        let mut is_sampled = true;
        loop {
            let ended = tokio::select! {
                ended = &mut end => Some(ended),
                changed = view.changed(), if is_sampled => {
                    is_sampled = changed.is_ok();
                    None
                }
            };
            let new = effects.note(&view.borrow_and_update());
            self.record_effects(fault, new).await;
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    /// Waits until these members follow a leader again. While other faults are in force etcd promises no recovery, so that
    /// the time begins anew whenever one begins or is healed.
    ///
    /// # Errors
    /// What was missing when the time was over.
    async fn recovery(&self, members: &[MemberIndex], healed: Nanos) -> Result<(), NotRecovered> {
        let mut view = self.view.clone();
        let mut in_force = self.in_force.subscribe();
        loop {
            let is_interrupted = self.cancel.is_cancelled();
            let limit = if is_interrupted { INTERRUPTED_RECOVERY_TIMEOUT } else { RECOVERY_TIMEOUT };
            let others = *in_force.borrow_and_update();
            tokio::select! {
                recovered = await_view(&mut view, limit, |view| view.healthy(members, healed)) => match recovered {
                    Ok(_) => return Ok(()),
                    Err(late) if !late.is_sampled => return Err(NotRecovered::NotSampled),
                    Err(_) if others > 0 => {}
                    Err(late) => return Err(NotRecovered::Unhealthy { missing: late.missing, waited: nanos(late.after) }),
                },
                changed = in_force.changed() => if changed.is_err() {
                    return Err(NotRecovered::NotSampled);
                },
                () = self.cancel.cancelled(), if !is_interrupted => {}
            }
        }
    }

    async fn record_effects(&self, fault: u32, effects: Vec<FaultEffect>) {
        for effect in effects {
            self.record(fault, self.sink.now(), FaultStage::Effect(effect)).await;
        }
    }

    async fn record(&self, fault: u32, at: Nanos, stage: FaultStage) {
        self.sink.record(Event::Fault(FaultEvent { fault, at, stage })).await;
    }
}
