//! The phases under load: the dataset, calibration, warm-up, and the counted load while things break.

use std::time::Duration;

use ticketcd_judge::history::event::Phase;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::model::MemberIndex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::cluster::Running;
use super::phases::{Stage, Trouble};
use crate::dataset::{self, Dataset, LoadOptions, Target};
use crate::etcd::{Caller, Client, Security};
use crate::fault;
use crate::load::{Billboard, Housekeeping, Load, Market};
use crate::shop::{Shop, Strategy};

/// How long one request of the dataset may take.
const SEED_TIMEOUT: Duration = Duration::from_secs(10);

/// A shop that was opened.
pub(super) struct Opened {
    pub(super) shop: Shop,
    /// The ids of its events.
    pub(super) events: Vec<String>,
}

/// Writes the dataset and sells, until the time is over or the run is stopped. When it returns, no buyer is left and
/// every fault is healed. Returns the shop, unless the run was stopped before there was one.
pub(super) async fn sell(stage: &Stage<'_>, running: &Running) -> Result<Option<Opened>, Trouble> {
    let setup = stage.setup;
    let scenario = &setup.scenario;
    stage.enter(Phase::Seed).await;
    let dataset = Dataset::generate(&scenario.dataset, setup.seed, &setup.keys)?;
    match seed(stage, running, &dataset).await {
        // What was written when the run was stopped is no shop to sell in.
        _ if stage.stop.is_cancelled() => return Ok(None),
        seeded => seeded?,
    }

    let mut clients = Vec::new();
    for member in running.cluster.members() {
        clients.push(Client::connect(&running.cluster.endpoint(member), &Security::default(), scenario.load.channels).await?);
    }
    let shop = Shop {
        keys: setup.keys.clone(),
        run_tag: setup.run_tag.as_str().into(),
        date: setup.purchase_date.as_str().into(),
        strategy: Strategy::new(&scenario.load).within(&setup.leash, &RunDir::new(&setup.directory).script_log()),
    };
    let opened = Opened { events: dataset.catalogue.events.iter().map(|event| event.id.clone()).collect(), shop: shop.clone() };
    let mut caller = Caller::new(running.direct.clone(), MemberIndex(0), SEED_TIMEOUT, stage.sink.clone());
    shop.open(&mut caller, &opened.events).await.map_err(Trouble)?;
    caller.close().await;
    let over = stage.stop.child_token();
    let caller = Caller::new(clients.clone(), MemberIndex(0), scenario.load.timeout.0, stage.sink.clone());
    let tending = AbortOnDropHandle::new(tokio::spawn(tend(shop.clone(), caller, over.clone())));
    let mut load = Load::new(scenario, setup.seed, shop, Market::of(scenario, &dataset.catalogue), &clients, stage.sink.clone());
    load = load.with_housekeeping(Housekeeping::new(&scenario.load.housekeeping, &clients, running.collectors.reach(), &stage.sink));
    if let Some(boards) = &running.boards {
        load = load.with_billboard(Billboard::new(boards.desk(), &scenario.load.housekeeping));
    }
    let mut base_rate = 0.0;
    if load.needs_calibration() {
        stage.enter(Phase::Calibration).await;
        base_rate = load.calibrate(&stage.stop).await?;
    }
    stage.enter(Phase::WarmUp).await;
    load.drive(Phase::WarmUp, scenario.load.warm_up.0, base_rate, &stage.stop).await;
    stage.enter(Phase::Steady).await;
    let steady_began = stage.sink.now();
    let plan = &setup.plan;
    let breaking = async {
        fault::run(plan, setup.seed, &running.cluster, running.sampler.view(), &stage.sink, steady_began, stage.stop.clone()).await;
        if !plan.faults.is_empty() && !stage.stop.is_cancelled() {
            stage.enter(Phase::Recovery).await;
        }
    };
    tokio::join!(load.drive(Phase::Steady, scenario.load.duration.0, base_rate, &stage.stop), breaking);
    load.close().await;
    over.cancel();
    tending.await?;
    Ok(Some(opened))
}

/// Does what the shop needs done in the background.
async fn tend(shop: Shop, caller: Caller, over: CancellationToken) {
    shop.tend(caller, over).await;
}

/// Writes the dataset and reads it back.
async fn seed(stage: &Stage<'_>, running: &Running, dataset: &Dataset) -> Result<(), Trouble> {
    let target = Target { clients: running.direct.clone(), sink: stage.sink.clone(), timeout: SEED_TIMEOUT, stop: stage.stop.clone() };
    dataset::load(dataset, &target, LoadOptions::default(), |_| {}).await?;
    dataset::verify(dataset, &target, |_| {}).await?;
    Ok(())
}
