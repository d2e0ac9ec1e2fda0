//! The cluster of a run: started, healthy, watched, and described in `run.json`.

use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::run_info::MemberInfo;
use tokio_util::task::AbortOnDropHandle;

use super::host;
use super::phases::{HEALTH_TIMEOUT, Stage, Trouble};
use crate::cluster::{LocalCluster, LocalOptions, Scratch};
use crate::etcd::collector::Collectors;
use crate::etcd::metrics::{MetricsReader, Source};
use crate::etcd::sampler::Sampler;
use crate::etcd::{Boards, Client, Security};

/// A cluster that is up, with everything that watches it.
pub(super) struct Running {
    pub(super) cluster: Arc<LocalCluster>,
    /// Clients of the harness itself: they go past the link proxies.
    pub(super) direct: Vec<Client>,
    pub(super) sampler: Sampler,
    pub(super) collectors: Collectors,
    metrics: MetricsReader,
    /// How busy the machine is.
    host: AbortOnDropHandle<()>,
    /// Stock boards, if the load looks at any.
    pub(super) boards: Option<Boards>,
    /// Holds the members' data, outside of the run directory because socket paths must be short; removed at the end.
    scratch: Scratch,
}

/// Starts the cluster, waits until it is healthy, begins to watch it, and writes `run.json`.
pub(super) async fn start_cluster(stage: &Stage<'_>) -> Result<Running, Trouble> {
    let setup = stage.setup;
    let settings = &setup.scenario.cluster;
    let scratch = Scratch::create(&setup.leash)?;
    let options = LocalOptions {
        etcd: setup.etcd.path.clone(),
        members: settings.members,
        data_directory: scratch.path().to_owned(),
        log_directory: RunDir::new(&setup.directory).members(),
        leash: setup.leash.clone(),
        // Load that no fault touches on its way goes direct, past the proxies.
        proxy_clients: setup.plan.touches_clients(),
        election_timeout: settings.election_timeout.0,
        heartbeat_interval: settings.heartbeat_interval.0,
        flags: settings.flags.clone(),
    };
    let cluster = Arc::new(LocalCluster::start(options, stage.sink.clone()).await?);
    let mut direct = Vec::new();
    for member in cluster.members() {
        direct.push(Client::connect(&cluster.direct_endpoint(member), &Security::default(), 1).await?);
    }
    let sampler = Sampler::start(direct.clone(), stage.sink.clone());
    let never_healthy = |error: String| Trouble(format!("the cluster never became healthy: {error}"));
    let healthy = async {
        // A member that ends at once, over a flag it does not know perhaps, is not worth a minute of waiting.
        cluster.await_healthy(HEALTH_TIMEOUT).await.map_err(|error| never_healthy(error.to_string()))?;
        sampler.await_all_healthy(HEALTH_TIMEOUT).await.map_err(|error| never_healthy(error.to_string()))
    };
    tokio::select! {
        healthy = healthy => healthy?,
        () = stage.stop.cancelled() => return Err(Trouble("it was interrupted before the cluster was healthy".to_owned())),
    };
    let view = sampler.view();
    let mut described = Vec::new();
    for member in cluster.members() {
        let member_id = view.borrow().member(member).and_then(|view| view.current()).map_or(0, |status| status.member_id);
        cluster.links().learn(member_id, member);
        let log = RunDir::member_log_name(member);
        described.push(MemberInfo { name: member.name(), member_id, endpoint: cluster.endpoint(member).to_string(), log: Some(log) });
    }
    setup.write_info(&setup.info(described)).map_err(|error| Trouble(error.to_string()))?;
    let collectors = Collectors::start(&direct, &stage.sink, 1);
    let metrics = MetricsReader::start(metrics_sources(&cluster), &stage.sink);
    let host = AbortOnDropHandle::new(tokio::spawn(host::watch(stage.sink.clone())));
    let boards = boards(stage, &cluster, &collectors).await?;
    Ok(Running { cluster, direct, sampler, collectors, metrics, host, boards, scratch })
}

fn metrics_sources(cluster: &Arc<LocalCluster>) -> Vec<Source> {
    let source = |member| {
        let endpoint = cluster.direct_endpoint(member);
        let cluster = Arc::clone(cluster);
        Source { endpoint, incarnation: Box::new(move || cluster.incarnation(member)) }
    };
    cluster.members().map(source).collect()
}

/// Boards go the buyers' way to a member, and suffer the same faults.
async fn boards(stage: &Stage<'_>, cluster: &LocalCluster, collectors: &Collectors) -> Result<Option<Boards>, Trouble> {
    let load = &stage.setup.scenario.load;
    if load.mix.board == 0 {
        return Ok(None);
    }
    let mut clients = Vec::new();
    for member in cluster.members() {
        clients.push(Client::connect(&cluster.endpoint(member), &Security::default(), 1).await?);
    }
    Ok(Some(Boards::start(&clients, &load.boards, load.timeout.0, collectors.reach(), &stage.sink)))
}

impl Running {
    /// Stops everything and removes the members' data.
    pub(super) async fn stop(self) {
        if let Some(boards) = self.boards {
            boards.close(0, Duration::ZERO).await;
        }
        self.collectors.stop().await;
        self.sampler.stop().await;
        self.metrics.stop().await;
        self.host.abort();
        // Aborted, so it ends with an error that says so.
        let _ = self.host.await;
        self.cluster.stop().await;
        if let Err(error) = self.scratch.close() {
            tracing::warn!("the members' data could not be removed: {error}");
        }
    }
}
