//! The end of a run: the drain, then the audit of every member.

use std::fmt::Display;
use std::time::Duration;

use ticketcd_judge::history::audit::AuditStage;
use ticketcd_judge::history::event::Phase;
use ticketcd_judge::history::request::Range;
use ticketcd_judge::model::{Blob, MemberIndex};

use super::context::{HEALTH_TIMEOUT, RunContext, RunFailure};
use super::observed::ObservedTestbed;
use super::sell::OpenShop;
use crate::etcd::Caller;
use crate::etcd::audit::audit;
use crate::etcd::barrier::barrier;

/// What etcd gives a request, beside two election timeouts, before it gives it up itself. A write that was sent before
/// cannot be applied later than that, once nothing holds it back.
const ETCD_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long collectors get to deliver the last revision.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one request may take that brings stock back: a write may wait for an election, and etcd gives up after 7 s.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long stock boards get to be told of it.
const BOARDS_TIMEOUT: Duration = Duration::from_secs(15);
/// How long any of these may still take once somebody has pressed Ctrl-C and is waiting.
const INTERRUPTED_TIMEOUT: Duration = Duration::from_secs(10);
/// What is said then.
const OUT_OF_PATIENCE: &str = "the cluster was not at rest in the time that is left after Ctrl-C";
/// How long a member gets to end by itself before it is killed.
const TERMINATION_GRACE: Duration = Duration::from_secs(3);

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
        if let Err(reason) = settle_stock(context, running, opened).await {
            tracing::warn!("the stock is not where it belongs: {reason}");
        }
        outlast_unanswered(context).await;
    }
    if let Err(reason) = settle(context, running).await {
        tracing::warn!("after everything was healed, {reason}");
    }
    if let Some(boards) = &running.boards {
        // Those that are still open without a barrier that holds. All members are about to be stopped.
        boards.close(0, Duration::ZERO).await;
    }
    context.enter(Phase::Audit).await;
    audit(AuditStage::Healed, &running.direct, &context.sink).await;
    if !running.testbed.capabilities().restarts_for_audit {
        return Ok(());
    }
    restart_all(running).await?;
    if let Err(reason) = catch_up(context, running).await {
        tracing::warn!("after all members were restarted, {reason}");
    }
    audit(AuditStage::Restarted, &running.direct, &context.sink).await;
    Ok(())
}

/// Brings the stock back to where it belongs. A member that is not there is no reason not to.
///
/// # Errors
/// What could not be done, in words.
async fn settle_stock(context: &RunContext<'_>, running: &ObservedTestbed, opened: &OpenShop) -> Result<(), String> {
    if let Err(reason) = worth_waiting(context, running, running.sampler.await_all_healthy(HEALTH_TIMEOUT)).await {
        tracing::warn!("before the stock is settled, {reason}");
    }
    let mut caller = Caller::new(running.direct.clone(), MemberIndex(0), SETTLE_TIMEOUT, context.sink.clone());
    let settled = tokio::select! {
        biased;
        settled = opened.shop.settle(&mut caller, &opened.events) => settled,
        () = out_of_patience(context) => Err(OUT_OF_PATIENCE.to_owned()),
    };
    caller.close().await;
    settled
}

/// Waits until every member is healthy and has everything, and until the collectors have told it.
///
/// # Errors
/// What did not come about, in words.
async fn settle(context: &RunContext<'_>, running: &ObservedTestbed) -> Result<(), String> {
    worth_waiting(context, running, running.sampler.await_all_healthy(HEALTH_TIMEOUT)).await?;
    let setup = context.setup;
    let written = barrier(&running.direct, &context.sink, &setup.keys, &setup.run_tag, HEALTH_TIMEOUT);
    let revision = worth_waiting(context, running, written).await?;
    let delivered = async {
        running.collectors.await_revision(revision, DELIVERY_TIMEOUT).await.map_err(|members| {
            let names: Vec<String> = members.iter().map(|member| member.name()).collect();
            format!("revision {revision} was not delivered by {}", names.join(", "))
        })
    };
    worth_waiting(context, running, delivered).await?;
    if let Some(boards) = &running.boards {
        let patience = if context.stop.is_cancelled() { INTERRUPTED_TIMEOUT } else { BOARDS_TIMEOUT };
        boards.close(revision, patience).await;
    }
    Ok(())
}

/// Waits until every member is healthy and has applied again what is in its log: a linearizable read through it says so
/// and, unlike a barrier, changes nothing.
///
/// # Errors
/// What did not come about, in words.
async fn catch_up(context: &RunContext<'_>, running: &ObservedTestbed) -> Result<(), String> {
    worth_waiting(context, running, running.sampler.await_all_healthy(HEALTH_TIMEOUT)).await?;
    let everything = Range { key: Blob::from(&[0][..]), range_end: Blob::from(&[0][..]), count_only: true, ..Range::default() };
    for client in &running.direct {
        worth_waiting(context, running, client.range(&everything, HEALTH_TIMEOUT)).await?;
    }
    Ok(())
}

/// Waits for something that needs every member: not for long after Ctrl-C, and not at all without a member, which nobody
/// starts again.
///
/// # Errors
/// What did not come about, in words.
async fn worth_waiting<T, E: Display>(
    context: &RunContext<'_>,
    running: &ObservedTestbed,
    wait: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    tokio::select! {
        // What has come about counts, even if a member ends at that moment.
        biased;
        done = wait => done.map_err(|error| error.to_string()),
        member = running.testbed.await_any_exit() => Err(format!("{} is not running", member.name())),
        () = out_of_patience(context) => Err(OUT_OF_PATIENCE.to_owned()),
    }
}

/// Waits until somebody has pressed Ctrl-C and has waited for as long as one can be asked to.
async fn out_of_patience(context: &RunContext<'_>) {
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
        let control = running.testbed.member(member)?;
        // A member that is not running has been stopped already.
        stopping.spawn(async move { control.terminate(TERMINATION_GRACE).await.is_ok() });
    }
    while stopping.join_next().await.is_some() {}
    for member in running.testbed.members() {
        running.testbed.member(member)?.start().await?;
    }
    Ok(())
}
