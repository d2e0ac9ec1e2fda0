//! Carries out the plan: waits, aims, injects, watches, heals, waits for recovery, and records each step.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::event::{Event, FaultEvent, FaultStage, Invalid};
use ticketcd_judge::model::{MemberIndex, Nanos};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::aim::Aim;
use super::catalogue;
use super::effects::Effects;
use super::hands::Hands;
use super::plan::{Plan, PlannedFault};
use super::target::Preference;
use crate::etcd::sampler::{Leadership, NotInTime, View, await_view};
use crate::record::Sink;
use crate::scenario::streams::stream;
use crate::testbed::Testbed;

/// How long a fault that is due waits for its target: an election after another fault takes up to a few seconds.
const TARGET_WAIT: Duration = Duration::from_secs(10);

/// How long the cluster has to come back once nothing is in force any more.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it has after Ctrl-C: someone is waiting.
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
    for (fault, planned) in (0..).zip(&plan.faults) {
        let stage = FaultStage::Planned {
            kind: catalogue::kind(&planned.inject).to_owned(),
            target: catalogue::target(&planned.inject),
            due: nanos(planned.due),
            survivable: catalogue::is_survivable(&planned.inject),
        };
        sink.record(Event::Fault(FaultEvent { fault, at: sink.now(), stage })).await;
    }
    let (in_force, _) = watch::channel(0);
    let injector =
        Injector { seed, size: testbed.size(), hands: Hands::new(testbed), view, sink: sink.clone(), steady_began, cancel, in_force };
    let injector = Arc::new(injector);
    let mut faults = JoinSet::new();
    for (fault, planned) in (0..).zip(plan.faults.iter().cloned()) {
        let injector = Arc::clone(&injector);
        faults.spawn(async move { injector.carry_out(fault, planned).await });
    }
    while let Some(ended) = faults.join_next().await {
        if let Err(error) = ended {
            let reason = format!("a fault could not be carried out to its end: {error}");
            sink.record(Event::Invalid(Invalid { at: sink.now(), reason })).await;
        }
    }
}

fn nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX)
}

/// What all faults of a run share.
#[derive(Debug)]
struct Injector {
    seed: u64,
    size: usize,
    hands: Hands,
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
        let aim = match self.wait_and_aim(fault, &planned).await {
            Ok(aim) => aim,
            Err(reason) => return self.record(fault, self.sink.now(), FaultStage::NotInjected { reason }).await,
        };
        let before = self.view.borrow().clone();
        let in_force = InForce::begin(&self.in_force);
        let at = self.sink.now();
        let injection = match self.hands.inject(fault, &planned.inject, aim).await {
            Ok(injection) => injection,
            Err(reason) => return self.record(fault, at, FaultStage::NotInjected { reason }).await,
        };
        let members = injection.members;
        let what = with_leader(injection.what, &members, before.leadership());
        self.record(fault, at, FaultStage::Injected { members: members.clone(), what }).await;
        self.record_effects(fault, injection.effects).await;

        let mut effects = Effects::new(&before, &members, at);
        let over = async {
            tokio::select! {
                () = tokio::time::sleep(catalogue::lasts(&planned.inject)) => {}
                () = self.cancel.cancelled() => {}
            }
        };
        self.watch_until(over, fault, &mut effects).await;

        let healing = self.hands.heal(fault, injection.force).await;
        drop(in_force);
        self.record_effects(fault, healing.effects).await;
        let healed = self.sink.now();
        let recovery = self.watch_until(self.recovery(&members, healed), fault, &mut effects).await;
        let at = self.sink.now();
        let stage = match (healing.what, recovery) {
            (Err(failure), _) => FaultStage::NotRecovered { reason: failure },
            (Ok(what), Err(missing)) => FaultStage::NotRecovered { reason: format!("{what}; {missing}") },
            (Ok(what), Ok(())) => {
                let what = format!("{what}; recovered after {:.1} s", Duration::from_nanos(at.saturating_sub(healed)).as_secs_f64());
                FaultStage::Healed { what }
            }
        };
        self.record(fault, at, stage).await;
    }

    /// Waits until the fault is due and until there is somebody to hit.
    ///
    /// # Errors
    /// Why it is not to be injected, in words.
    async fn wait_and_aim(&self, fault: u32, planned: &PlannedFault) -> Result<Aim, String> {
        let due = self.sink.instant(self.steady_began.saturating_add(nanos(planned.due)));
        let aim = async {
            tokio::time::sleep_until(due.into()).await;
            let preference = Preference::draw(self.size, &mut stream(self.seed, "fault target", fault));
            let aim = |view: &View| self.hands.aim(fault, &planned.inject, view, &preference);
            await_view(&mut self.view.clone(), TARGET_WAIT, aim).await.map_err(|error| error.to_string())
        };
        tokio::select! {
            // In this order nothing is injected after an interruption, and no claim that an aim made is forgotten.
            biased;
            () = self.cancel.cancelled() => Err("the run was interrupted before".to_owned()),
            aim = aim => aim,
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

    /// Waits until these members follow a leader again. While other faults are in force nothing is owed, so that the
    /// time begins anew whenever one begins or is healed.
    ///
    /// # Errors
    /// What was missing when the time was over, in words.
    async fn recovery(&self, members: &[MemberIndex], healed: Nanos) -> Result<(), String> {
        let mut view = self.view.clone();
        let mut in_force = self.in_force.subscribe();
        loop {
            let is_interrupted = self.cancel.is_cancelled();
            let limit = if is_interrupted { INTERRUPTED_RECOVERY_TIMEOUT } else { RECOVERY_TIMEOUT };
            let others = *in_force.borrow_and_update();
            tokio::select! {
                recovered = await_view(&mut view, limit, |view| view.healthy(members, healed)) => match recovered {
                    Ok(_) => return Ok(()),
                    Err(NotInTime { .. }) if others > 0 && view.has_changed().is_ok() => {}
                    Err(late) => return Err(late.to_string()),
                },
                changed = in_force.changed() => if changed.is_err() {
                    return Err("the injector has ended".to_owned());
                },
                () = self.cancel.cancelled(), if !is_interrupted => {}
            }
        }
    }

    async fn record_effects(&self, fault: u32, effects: Vec<String>) {
        for what in effects {
            self.record(fault, self.sink.now(), FaultStage::Effect { what }).await;
        }
    }

    async fn record(&self, fault: u32, at: Nanos, stage: FaultStage) {
        self.sink.record(Event::Fault(FaultEvent { fault, at, stage })).await;
    }
}

/// What was done, and whether it hit the leader.
fn with_leader(what: String, hit: &[MemberIndex], leadership: Option<Leadership>) -> String {
    match leadership.filter(|leadership| hit.contains(&leadership.member)) {
        Some(Leadership { member, term }) => format!("{what}; {} was the leader in term {term}", member.name()),
        None => what,
    }
}
