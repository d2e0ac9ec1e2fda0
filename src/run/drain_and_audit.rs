//! The end of a run: the drain, then the audit of every member.

use std::time::Duration;

use ticketcd_judge::history::audit::AuditStage;
use ticketcd_judge::history::event::Phase;
use ticketcd_judge::history::invalid::RunStep;
use ticketcd_judge::history::request::Range;
use ticketcd_judge::history::{Blob, MemberIndex, Revision};

use super::context::{HEALTH_TIMEOUT, RunContext, RunFailure};
use super::observed::ObservedTestbed;
use super::sell::OpenShop;
use crate::etcd::audit::audit;
use crate::etcd::barrier::{BarrierError, barrier};
use crate::etcd::sampler::NotInTime;
use crate::etcd::{ClientError, RecordingClient};
use crate::shop::StrategyError;

/// What etcd gives a request, beside two election timeouts, before it gives it up itself. A write that was sent before
/// cannot be applied later than that, once nothing holds it back.
const ETCD_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long collectors get to deliver the last revision.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one request may take that brings stock back: a write may wait for an election, and etcd gives up after 7 s.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long client watches may take to receive it.
const BOARDS_TIMEOUT: Duration = Duration::from_secs(15);
/// How long any of these may still take once Ctrl-C was pressed.
const INTERRUPTED_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a member gets to end by itself before it is killed.
const TERMINATION_GRACE: Duration = Duration::from_secs(3);

/// Why the cluster did not come to rest.
#[derive(Debug, thiserror::Error)]
enum NotAtRest {
    /// Members are not healthy.
    #[error(transparent)]
    Unhealthy(#[from] NotInTime),
    /// A member does not take a write, or has not applied it.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// Collectors have not delivered a revision.
    #[error("revision {revision} was not delivered by {}", members.iter().map(|member| member.name()).collect::<Vec<_>>().join(", "))]
    NotDelivered {
        /// Which revision.
        revision: Revision,
        /// By which members.
        members: Vec<MemberIndex>,
    },
    /// A member does not respond.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The stock could not be brought back.
    #[error(transparent)]
    Stock(#[from] StrategyError),
    /// A member is down.
    #[error("{} is not running", .0.name())]
    Exited(MemberIndex),
    /// It took too long after Ctrl-C.
    #[error("the cluster did not become idle within the time limit after Ctrl-C")]
    OutOfTime,
}

/// Drains the load and audits every member; where members may be restarted, once more after a restart of all of them.
///
/// A member that does not come back is no failure here: the checks find that it was not audited.
pub(super) async fn drain_and_audit(
    context: &RunContext<'_>,
    running: &ObservedTestbed,
    opened: Option<&OpenShop>,
) -> Result<(), RunFailure> {
    context.enter(Phase::Drain).await;
    running.testbed.links().heal_all();
    outlast_unanswered(context).await;
    if let Some(opened) = opened {
        if let Err(reason) = restore_stock(context, running, opened).await {
            tracing::warn!("the stock was not restored to the tickets: {reason}");
        }
        outlast_unanswered(context).await;
    }
    if let Err(reason) = settle(context, running).await {
        tracing::warn!("after healing all faults: {reason}");
    }
    if let Some(watches) = &running.watches {
        // Those that are still open without a barrier that holds. All members are about to be stopped.
        watches.close(0, Duration::ZERO).await;
    }
    context.enter(Phase::Audit).await;
    audit(AuditStage::Healed, &running.direct, &context.sink).await;
    if !running.testbed.capabilities().restarts_for_audit {
        return Ok(());
    }
    restart_all(running).await?;
    if let Err(reason) = catch_up(context, running).await {
        tracing::warn!("after restarting all members: {reason}");
    }
    audit(AuditStage::Restarted, &running.direct, &context.sink).await;
    Ok(())
}

/// Brings the stock back to the tickets, also while a member is down.
///
/// # Errors
/// Why it could not.
async fn restore_stock(context: &RunContext<'_>, running: &ObservedTestbed, opened: &OpenShop) -> Result<(), NotAtRest> {
    if let Err(reason) = worth_waiting(context, running, running.sampler.await_all_healthy(HEALTH_TIMEOUT)).await {
        tracing::warn!("before restoring the stock: {reason}");
    }
    let mut caller = RecordingClient::new(running.direct.clone(), MemberIndex(0), SETTLE_TIMEOUT, context.sink.clone());
    let settled = tokio::select! {
        biased;
        settled = opened.shop.restore(&mut caller, &opened.events) => settled.map_err(NotAtRest::Stock),
        () = after_interrupt(context) => Err(NotAtRest::OutOfTime),
    };
    caller.close().await;
    settled
}

/// Waits until every member is healthy and has applied every write, and until the collectors have delivered them.
///
/// # Errors
/// Why the cluster is not at rest.
async fn settle(context: &RunContext<'_>, running: &ObservedTestbed) -> Result<(), NotAtRest> {
    worth_waiting(context, running, running.sampler.await_all_healthy(HEALTH_TIMEOUT)).await?;
    let setup = context.setup;
    let written = barrier(&running.direct, &context.sink, &setup.keys, &setup.run_tag, HEALTH_TIMEOUT);
    let revision = worth_waiting(context, running, written).await?;
    let delivered = async {
        let late = |members| NotAtRest::NotDelivered { revision, members };
        running.collectors.await_revision(revision, DELIVERY_TIMEOUT).await.map_err(late)
    };
    worth_waiting(context, running, delivered).await?;
    if let Some(watches) = &running.watches {
        let grace = if context.stop.is_cancelled() { INTERRUPTED_TIMEOUT } else { BOARDS_TIMEOUT };
        watches.close(revision, grace).await;
    }
    Ok(())
}

/// Waits until every member is healthy and has applied again what is in its log: a linearizable read through it shows
/// that and, unlike a barrier, writes nothing.
///
/// # Errors
/// Why the cluster is not at rest.
async fn catch_up(context: &RunContext<'_>, running: &ObservedTestbed) -> Result<(), NotAtRest> {
    worth_waiting(context, running, running.sampler.await_all_healthy(HEALTH_TIMEOUT)).await?;
    let everything = Range { key: Blob::from(&[0][..]), range_end: Blob::from(&[0][..]), count_only: true, ..Range::default() };
    for client in &running.direct {
        worth_waiting(context, running, client.range(&everything, HEALTH_TIMEOUT)).await?;
    }
    Ok(())
}

/// Waits for something that needs every member: not for long after Ctrl-C, and not at all once a member is down, which is
/// not started again.
///
/// # Errors
/// Why the cluster is not at rest.
async fn worth_waiting<T, E: Into<NotAtRest>>(
    context: &RunContext<'_>,
    running: &ObservedTestbed,
    wait: impl Future<Output = Result<T, E>>,
) -> Result<T, NotAtRest> {
    tokio::select! {
        // What has come about counts, even if a member ends at that moment.
        biased;
        done = wait => done.map_err(Into::into),
        member = running.testbed.await_any_exit() => Err(NotAtRest::Exited(member)),
        () = after_interrupt(context) => Err(NotAtRest::OutOfTime),
    }
}

/// Waits until Ctrl-C was pressed, and then for as long as its user can be asked to wait.
async fn after_interrupt(context: &RunContext<'_>) {
    context.stop.cancelled().await;
    tokio::time::sleep(INTERRUPTED_TIMEOUT).await;
}

/// Waits until etcd itself has given up every write that was never answered. Without any, there is nothing to wait for.
async fn outlast_unanswered(context: &RunContext<'_>) {
    let last = context.sink.last_unanswered();
    if last > 0 {
        let election = context.setup.scenario.cluster.election_timeout.0;
        let over = context.sink.instant(last) + ETCD_REQUEST_TIMEOUT + 2 * election;
        tokio::time::sleep_until(over.into()).await;
    }
}

/// Stops all members, then starts them again on the data they left.
async fn restart_all(running: &ObservedTestbed) -> Result<(), RunFailure> {
    let mut stopping = tokio::task::JoinSet::new();
    for member in running.testbed.members() {
        let control = running.testbed.member(member).map_err(RunFailure::of(RunStep::Restart))?;
        // A member that is not running has been stopped already.
        stopping.spawn(async move { control.terminate(TERMINATION_GRACE).await.is_ok() });
    }
    while stopping.join_next().await.is_some() {}
    for member in running.testbed.members() {
        let control = running.testbed.member(member).map_err(RunFailure::of(RunStep::Restart))?;
        control.start().await.map_err(RunFailure::of(RunStep::Restart))?;
    }
    Ok(())
}
