//! The phases under load: the dataset, calibration, warm-up, and the counted load while things break.

use std::time::Duration;

use ticketcd_judge::history::event::Phase;
use ticketcd_judge::model::MemberIndex;

use super::cluster::{Running, members};
use super::phases::{Stage, Trouble};
use crate::dataset::{self, Dataset};
use crate::etcd::{Caller, Client, Security};
use crate::fault;
use crate::load::{Load, Market, Offer};
use crate::shop::{Shop, Strategy};

/// How long one request of the dataset may take.
const SEED_TIMEOUT: Duration = Duration::from_secs(10);
/// Batches of the dataset that are under way at a time.
const SEED_WORKERS: usize = 8;

/// Writes the dataset and sells, until the time is over or the run is stopped. When it returns, no buyer is left and
/// every fault is healed.
pub(super) async fn sell(stage: &Stage<'_>, running: &Running) -> Result<(), Trouble> {
    let setup = stage.setup;
    let scenario = &setup.scenario;
    stage.enter(Phase::Seed).await;
    let dataset = Dataset::generate(&scenario.dataset, setup.seed, &setup.keys);
    seed(stage, running, &dataset).await?;
    if stage.stop.is_cancelled() {
        return Ok(());
    }

    let mut clients = Vec::new();
    for member in members(&running.cluster) {
        clients.push(Client::connect(&running.cluster.endpoint(member), &Security::default(), scenario.load.channels).await?);
    }
    let shop = Shop {
        keys: setup.keys.clone(),
        run_tag: setup.run_tag.as_str().into(),
        date: setup.purchase_date.as_str().into(),
        strategy: Strategy::new(&scenario.load),
    };
    let mut load = Load::new(scenario, setup.seed, shop, market(scenario, &dataset), &clients, stage.sink.clone());
    let mut base_rate = 0.0;
    if load.needs_calibration() {
        stage.enter(Phase::Calibration).await;
        base_rate = load.calibrate(&stage.stop).await?;
    }
    stage.enter(Phase::WarmUp).await;
    load.drive(Phase::WarmUp, scenario.load.warm_up.0, base_rate, &stage.stop).await;
    stage.enter(Phase::Steady).await;
    let steady_began = stage.sink.now();
    let plan = fault::Plan::draw(scenario, setup.seed);
    let breaking = async {
        fault::run(&plan, setup.seed, &running.cluster, running.sampler.view(), &stage.sink, steady_began, &stage.stop).await;
        if !plan.faults.is_empty() && !stage.stop.is_cancelled() {
            stage.enter(Phase::Recovery).await;
        }
    };
    tokio::join!(load.drive(Phase::Steady, scenario.load.duration.0, base_rate, &stage.stop), breaking);
    load.close().await;
    Ok(())
}

/// Writes the dataset and reads it back.
async fn seed(stage: &Stage<'_>, running: &Running, dataset: &Dataset) -> Result<(), Trouble> {
    let count = running.direct.len();
    let caller = |worker: usize| {
        let member = MemberIndex(u8::try_from(worker % count).unwrap_or(0));
        Caller::new(running.direct.clone(), member, SEED_TIMEOUT, stage.sink.clone())
    };
    let callers = (0..SEED_WORKERS).map(caller).collect();
    dataset::load(dataset, callers, &stage.stop).await?;
    if stage.stop.is_cancelled() {
        return Ok(());
    }
    dataset::verify(dataset, caller(0)).await?;
    Ok(())
}
