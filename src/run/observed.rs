//! The testbed of a run: started, healthy, observed, and described in `run.json`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::invalid::{InvalidReason, NeverHealthy, RunStep};
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::run_info::MemberInfo;
use ticketcd_judge::history::{MemberIndex, nanos};
use tokio_util::task::AbortOnDropHandle;

use super::context::{HEALTH_TIMEOUT, RunContext, RunFailure};
use super::host;
use crate::etcd::collector::Collectors;
use crate::etcd::metrics::{MetricsReader, Source};
use crate::etcd::sampler::{NotInTime, Sampler};
use crate::etcd::{Client, Watches};
use crate::testbed::{Route, StartOptions, Testbed, TestbedError};

/// Where collectors begin on a testbed whose first revisions are not part of the run: now.
const FROM_NOW: i64 = 0;

/// A testbed that is up, with everything that observes it.
pub(super) struct ObservedTestbed {
    pub(super) testbed: Arc<Testbed>,
    /// Clients of the harness itself: they go past the link proxies.
    pub(super) direct: Vec<Client>,
    pub(super) sampler: Sampler,
    pub(super) collectors: Collectors,
    metrics: MetricsReader,
    /// Samples this machine.
    host: AbortOnDropHandle<()>,
    /// The clients' watches, if the mix has any.
    pub(super) watches: Option<Watches>,
}

/// Starts the testbed, waits until it is healthy, begins to observe it, and writes `run.json`.
pub(super) async fn start_testbed(context: &RunContext<'_>) -> Result<ObservedTestbed, RunFailure> {
    let setup = context.setup;
    let options = StartOptions {
        log_directory: Some(RunDir::new(&setup.directory).members()),
        supervisor: setup.supervisor.clone(),
        shape_clients: setup.plan.shapes_clients(),
    };
    let testbed = Arc::new(setup.prepared.start(options, context.sink.clone()).await.map_err(RunFailure::of(RunStep::Start))?);
    let capabilities = testbed.capabilities();
    let direct = testbed.clients(Route::Harness, 1).await.map_err(RunFailure::of(RunStep::Connect))?;
    let sampler = Sampler::start(direct.clone(), context.sink.clone());
    let healthy = async {
        // A member that ends at once, over a flag it does not know perhaps, is not worth a minute of waiting.
        testbed.await_healthy(HEALTH_TIMEOUT).await.map_err(|error| not_usable(&error))?;
        let gaps = |late: NotInTime| InvalidReason::NeverHealthy(NeverHealthy::Gaps { waited: nanos(late.after), missing: late.missing });
        sampler.await_all_healthy(HEALTH_TIMEOUT).await.map_err(gaps)
    };
    tokio::select! {
        healthy = healthy => healthy.map_err(RunFailure)?,
        () = context.stop.cancelled() => return Err(RunFailure(InvalidReason::InterruptedBeforeHealthy)),
    };
    let view = sampler.view();
    let mut described = Vec::new();
    for member in testbed.members() {
        let member_id = view.borrow().member(member).and_then(|view| view.status.as_ref()).map(|status| status.member_id);
        // A healthy member has reported it.
        let member_id = member_id.ok_or_else(|| RunFailure::of(RunStep::Describe)(format!("{} did not report its id", member.name())))?;
        testbed.links().learn(member_id, member);
        described.push(describe(&testbed, member, member_id, &setup.directory)?);
    }
    setup.write_info(&setup.info(described)).map_err(RunFailure::of(RunStep::Describe))?;
    let collected_from = if capabilities.collects_from_first_revision { 1 } else { FROM_NOW };
    let collectors = Collectors::start(&direct, &context.sink, collected_from);
    let metrics = MetricsReader::start(metrics_sources(&testbed), &context.sink);
    let host = AbortOnDropHandle::new(tokio::spawn(host::watch(context.sink.clone())));
    let watches = open_watches(context, &testbed, &collectors).await?;
    Ok(ObservedTestbed { testbed, direct, sampler, collectors, metrics, host, watches })
}

/// Why a run on this testbed would show nothing.
fn not_usable(error: &TestbedError) -> InvalidReason {
    InvalidReason::NeverHealthy(match error {
        TestbedError::ForeignProcess { member, pid } => return InvalidReason::ForeignProcess { member: *member, pid: *pid },
        TestbedError::Exited { member, exit, .. } => NeverHealthy::Exited { member: *member, exit: *exit },
        TestbedError::NotHealthy { member, waited } => NeverHealthy::Unhealthy { member: *member, waited: nanos(*waited) },
        error => NeverHealthy::NotAsked { detail: error.to_string() },
    })
}

fn describe(testbed: &Testbed, member: MemberIndex, member_id: u64, run_directory: &Path) -> Result<MemberInfo, RunFailure> {
    let log = testbed.log(member).map(|log| log.strip_prefix(run_directory).unwrap_or(log).display().to_string());
    let access = testbed.access(member, Route::Load).map_err(RunFailure::of(RunStep::Describe))?;
    Ok(MemberInfo { name: member.name(), member_id, endpoint: access.endpoint.to_string(), log })
}

fn metrics_sources(testbed: &Testbed) -> Vec<Source> {
    let source = |member| {
        let (access, control) = (testbed.access(member, Route::Harness).ok()?, testbed.member(member).ok()?);
        Some(Source { endpoint: access.endpoint, incarnation: Box::new(move || control.incarnation()) })
    };
    testbed.members().filter_map(source).collect()
}

/// Watches take the load's route to a member, and are subject to the same faults.
async fn open_watches(context: &RunContext<'_>, testbed: &Testbed, collectors: &Collectors) -> Result<Option<Watches>, RunFailure> {
    let load = &context.setup.scenario.load;
    if load.mix.board == 0 {
        return Ok(None);
    }
    let clients = testbed.clients(Route::Load, 1).await.map_err(RunFailure::of(RunStep::Connect))?;
    Ok(Some(Watches::start(&clients, &load.boards, load.timeout.0, collectors.collector_progress(), &context.sink)))
}

impl ObservedTestbed {
    /// Stops everything.
    pub(super) async fn stop(self) {
        if let Some(watches) = self.watches {
            watches.close(0, Duration::ZERO).await;
        }
        self.collectors.stop().await;
        self.sampler.stop().await;
        self.metrics.stop().await;
        self.host.abort();
        // Aborted, so it ends with an error.
        let _ = self.host.await;
        self.testbed.stop().await;
    }
}
