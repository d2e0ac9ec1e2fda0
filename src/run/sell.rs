//! The phases under load: the dataset, calibration, warm-up, and the counted load while things break.

use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::event::Phase;
use ticketcd_judge::history::invalid::RunStep;
use ticketcd_judge::history::run_dir::RunDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::context::{RunContext, RunFailure};
use super::observed::ObservedTestbed;
use crate::dataset::{self, Dataset, LoadOptions, Target};
use crate::etcd::RecordingClient;
use crate::fault;
use crate::load::{Housekeeping, Load, OrderGenerator, WatchWorkload};
use crate::shop::{Shop, StrategyContext, Supervision};
use crate::testbed::Route;

/// How long one request of the dataset may take.
const SEED_TIMEOUT: Duration = Duration::from_secs(10);

/// A shop that was opened.
pub(super) struct OpenShop {
    pub(super) shop: Shop,
    /// The ids of its events.
    pub(super) events: Vec<String>,
}

/// Writes the dataset and sells, until the time is over or the run is stopped. When it returns, no buyer is left and
/// every fault is healed. Returns the shop, unless the run was stopped before there was one.
pub(super) async fn sell(context: &RunContext<'_>, running: &ObservedTestbed) -> Result<Option<OpenShop>, RunFailure> {
    let setup = context.setup;
    let scenario = &setup.scenario;
    context.enter(Phase::Seed).await;
    let dataset = Dataset::generate(&scenario.dataset, setup.seed, &setup.keys).map_err(RunFailure::of(RunStep::Seed))?;
    match seed(context, running, &dataset).await {
        // What was written when the run was stopped is no shop to sell in.
        _ if context.stop.is_cancelled() => return Ok(None),
        seeded => seeded?,
    }

    let clients = running.testbed.clients(Route::Load, scenario.load.channels).await.map_err(RunFailure::of(RunStep::Connect))?;
    let log = RunDir::new(&setup.directory).script_log();
    let supervision = Supervision { supervisor: &setup.supervisor, log: &log };
    let shop = Shop {
        keys: setup.keys.clone(),
        run_tag: setup.run_tag.as_str().into(),
        date: setup.purchase_date.as_str().into(),
        strategy: scenario.load.strategy.start(&StrategyContext { buyers: scenario.load.buyers, supervision: Some(supervision) }),
    };
    let opened = OpenShop { events: dataset.catalogue.events.iter().map(|event| event.id.clone()).collect(), shop: shop.clone() };
    let mut caller = RecordingClient::new(running.direct.clone(), MemberIndex(0), SEED_TIMEOUT, context.sink.clone());
    shop.prepare(&mut caller, &opened.events).await.map_err(RunFailure::of(RunStep::PrepareStock))?;
    caller.close().await;
    let over = context.stop.child_token();
    let caller = RecordingClient::new(clients.clone(), MemberIndex(0), scenario.load.timeout.0, context.sink.clone());
    let sweeping = AbortOnDropHandle::new(tokio::spawn(sweep_expired(shop.clone(), caller, over.clone())));
    let mut load = Load::new(scenario, setup.seed, shop, OrderGenerator::of(scenario, &dataset.catalogue), &clients, context.sink.clone());
    load = load.with_housekeeping(Housekeeping::new(
        &scenario.load.housekeeping,
        &clients,
        running.collectors.collector_progress(),
        &context.sink,
    ));
    if let Some(watches) = &running.watches {
        load = load.with_watches(WatchWorkload::new(watches.handle(), &scenario.load.housekeeping));
    }
    let mut base_rate = 0.0;
    if load.needs_calibration() {
        context.enter(Phase::Calibration).await;
        base_rate = load.calibrate(&context.stop).await.map_err(RunFailure::of(RunStep::Calibrate))?;
    }
    context.enter(Phase::WarmUp).await;
    load.drive(Phase::WarmUp, scenario.load.warm_up.0, base_rate, &context.stop).await;
    context.enter(Phase::Steady).await;
    let steady_began = context.sink.now();
    let plan = &setup.plan;
    let breaking = async {
        fault::run(plan, setup.seed, &running.testbed, running.sampler.view(), &context.sink, steady_began, context.stop.clone()).await;
        if !plan.faults.is_empty() && !context.stop.is_cancelled() {
            context.enter(Phase::Recovery).await;
        }
    };
    tokio::join!(load.drive(Phase::Steady, scenario.load.duration.0, base_rate, &context.stop), breaking);
    load.close().await;
    over.cancel();
    sweeping.await.map_err(RunFailure::of(RunStep::Load))?;
    Ok(Some(opened))
}

/// Releases expired reservations in the background.
async fn sweep_expired(shop: Shop, caller: RecordingClient, over: CancellationToken) {
    shop.sweep_expired(caller, over).await;
}

/// Writes the dataset and reads it back.
async fn seed(context: &RunContext<'_>, running: &ObservedTestbed, dataset: &Dataset) -> Result<(), RunFailure> {
    let target = Target { clients: running.direct.clone(), sink: context.sink.clone(), timeout: SEED_TIMEOUT, stop: context.stop.clone() };
    dataset::load(dataset, &target, LoadOptions::default(), |_| {}).await.map_err(RunFailure::of(RunStep::Seed))?;
    dataset::verify(dataset, &target, |_| {}).await.map_err(RunFailure::of(RunStep::Seed))?;
    Ok(())
}
