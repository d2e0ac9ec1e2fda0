//! The load of a run: its buyers, phase after phase.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ticketcd_judge::history::event::Phase;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::arrivals::{Arrivals, Profile};
use super::buyer::{Buyer, Common};
use super::counters::{Counters, Counts, sample};
use super::housekeeping::Housekeeping;
use super::mix::Mix;
use super::order_generator::OrderGenerator;
use super::watch_workload::WatchWorkload;
use super::{closed, open};
use crate::etcd::{Client, RecordingClient, member_of_worker};
use crate::record::Sink;
use crate::scenario::streams::stream;
use crate::scenario::types::{Arrivals as ArrivalSettings, Scenario};
use crate::shop::{Cancelling, RetryPolicy, Shop};

/// The load of a run.
pub struct Load {
    common: Arc<Common>,
    buyers: Vec<Buyer>,
    housekeeping: Option<Housekeeping>,
    arrivals: ArrivalSettings,
    seed: u64,
    sink: Sink,
}

impl Load {
    /// The load of a scenario. `clients` are in the order of the members, one each, at least one. The caller
    /// records the phases.
    pub fn new(scenario: &Scenario, seed: u64, shop: Shop, generator: OrderGenerator, clients: &[Client], sink: Sink) -> Self {
        let load = &scenario.load;
        let common = Arc::new(Common {
            shop,
            cancelling: Cancelling(RetryPolicy::new(load.cancellations.attempts, load.cancellations.back_off)),
            orders: generator,
            mix: Mix::new(&load.mix),
            purchase_reads: load.strategy.read(),
            query_reads: load.queries.read,
            pinning: load.members,
            watches: OnceLock::new(),
            counters: Counters::default(),
        });
        let buyer = |number: u32| {
            let member = member_of_worker(number as usize, clients);
            let caller = RecordingClient::new(clients.to_vec(), member, load.timeout.0, sink.clone()).reading(load.strategy.read());
            Buyer::new(number, seed, Arc::clone(&common), caller)
        };
        let buyers = (0..load.buyers).map(buyer).collect();
        Self { common, buyers, housekeeping: None, arrivals: load.arrivals.clone(), seed, sink }
    }

    /// The same load with watches. Without them, a watch operation is not answered.
    pub fn with_watches(self, watches: WatchWorkload) -> Self {
        // A load has one set of watches: a second call has no effect.
        let _ = self.common.watches.set(watches);
        self
    }

    /// The same load with housekeeping during the counted part.
    pub fn with_housekeeping(self, housekeeping: Housekeeping) -> Self {
        Self { housekeeping: Some(housekeeping), ..self }
    }

    /// Whether a rate of the load is a share of the calibrated one.
    pub fn needs_calibration(&self) -> bool {
        self.arrivals.has_share()
    }

    /// Runs the buyers for `duration`, or until `cancel`, and then drains in-flight operations: that takes as long as
    /// the requests do, which have a timeout. `base_rate` is what shares of a rate refer to, operations a second.
    /// In the warm-up the open model keeps the rate that the load begins with.
    pub async fn drive(&mut self, phase: Phase, duration: Duration, base_rate: f64, cancel: &CancellationToken) -> Counts {
        if duration.is_zero() {
            // No time at all is not time for one operation of each buyer.
            return Counts::default();
        }
        let housekeeping = if phase == Phase::Steady { self.housekeeping.take() } else { None };
        let Some(housekeeping) = housekeeping else { return self.buy_for(phase, duration, base_rate, cancel).await };
        let over = CancellationToken::new();
        let buying = async {
            let counts = self.buy_for(phase, duration, base_rate, cancel).await;
            over.cancel();
            counts
        };
        let (counts, ()) = tokio::join!(buying, housekeeping.keep(&over));
        self.housekeeping = Some(housekeeping);
        counts
    }

    async fn buy_for(&mut self, phase: Phase, duration: Duration, base_rate: f64, cancel: &CancellationToken) -> Counts {
        let profile = match phase {
            Phase::WarmUp => Profile::warm_up(&self.arrivals, base_rate),
            _ => Profile::steady(&self.arrivals, base_rate, duration),
        };
        match (profile, &self.arrivals) {
            (Some(profile), _) => {
                let arrivals = Arrivals::new(profile, duration, stream(self.seed, "arrivals", u32::from(phase == Phase::WarmUp)));
                self.run(Model::Open(Box::new(arrivals)), duration, cancel).await
            }
            (None, ArrivalSettings::Closed(closed)) => self.run(Model::Closed(closed.think.0), duration, cancel).await,
            (None, _) => Counts::default(),
        }
    }

    /// Closes every buyer, and marks the record of every worker as complete.
    pub async fn close(self) {
        // Together, for a buyer whose member hangs takes its time.
        let mut leaving: JoinSet<()> = self.buyers.into_iter().map(Buyer::close).collect();
        while leaving.join_next().await.is_some() {}
        self.common.shop.close().await;
    }

    /// Where the load is recorded.
    pub(super) fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Buys after `model`, samples what is counted, and returns it.
    pub(super) async fn run(&mut self, model: Model, duration: Duration, cancel: &CancellationToken) -> Counts {
        let over = cancel.child_token();
        let end = tokio::time::Instant::now() + duration;
        let clock = over.clone();
        let _clock = AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep_until(end).await;
            clock.cancel();
        }));
        let before = self.common.counters.counts();
        let rest = CancellationToken::new();
        let buyers = std::mem::take(&mut self.buyers);
        let buying = async {
            let buyers = self.buy(buyers, model, over).await;
            rest.cancel();
            buyers
        };
        let sampling = sample(&self.common.counters, before, &self.sink, rest.cancelled());
        (self.buyers, ()) = tokio::join!(buying, sampling);
        self.common.counters.counts().since(before)
    }

    async fn buy(&self, buyers: Vec<Buyer>, model: Model, over: CancellationToken) -> Vec<Buyer> {
        match model {
            Model::Open(arrivals) => open::dispatch(buyers, *arrivals, &self.common.counters, self.sink.clock(), over).await,
            Model::Closed(think_mean) => {
                let mut busy = JoinSet::new();
                for buyer in buyers {
                    let (common, clock, over) = (Arc::clone(&self.common), self.sink.clock(), over.clone());
                    busy.spawn(async move { closed::buy_until(buyer, think_mean, &common.counters, clock, over).await });
                }
                let mut buyers = Vec::with_capacity(busy.len());
                while let Some(done) = busy.join_next().await {
                    buyers.push(open::returned(done));
                }
                buyers
            }
        }
    }
}

/// When operations begin.
pub(super) enum Model {
    /// Each buyer begins when it has thought this long on average.
    Closed(Duration),
    /// Operations begin when they are due.
    Open(Box<Arrivals>),
}
