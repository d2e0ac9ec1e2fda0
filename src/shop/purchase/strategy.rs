//! What a purchase strategy is: its settings, as a scenario contains them, and the strategy in a run.

use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use ticketcd_judge::history::run_info::StockLayout;
use tokio_util::sync::CancellationToken;

use super::optimistic::Retry;
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::{PurchaseResult, StockCache, StrategyError};
use crate::etcd::RecordingClient;
use crate::settings::problem::Checked;
use crate::settings::types::ReadMode;
use crate::shop::{Order, Shop};

/// Work that is in progress.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The settings of a strategy, as a scenario contains them.
pub trait StrategySettings: fmt::Debug + Send + Sync {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// The first that does not.
    fn check(&self, scope: &StrategyScope<'_>) -> Checked;

    /// How the strategy reads the stock before a purchase.
    fn read(&self) -> ReadMode;

    /// What the strategy does when a purchase is not answered.
    fn retry(&self) -> Retry {
        Retry::Never
    }

    /// Where the strategy keeps the stock during the load.
    fn layout(&self) -> StockLayout {
        StockLayout::Plain
    }

    /// Whether only a lock protects the purchases, so that a write without the lock may break them.
    fn relies_on_locks(&self) -> bool {
        false
    }

    /// The checks that may report violations on a correct etcd, because the strategy is unsafe. None when it is safe.
    fn fails_by_design(&self) -> &'static [&'static str] {
        &[]
    }

    /// The strategy in a run, ready to buy.
    fn start(&self, context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy>;

    /// The settings of a scenario that names the strategy only. None when there is a setting that has no default.
    fn defaults() -> Option<Self>
    where
        Self: Sized;

    /// Random settings, for a strategy with defaults. Every draw passes `check`.
    fn draw(_draws: &mut StrategyDraws<'_>) -> Option<Self>
    where
        Self: Sized,
    {
        Self::defaults()
    }
}

/// What a strategy is started for.
#[derive(Clone, Copy, Debug)]
pub struct StrategyContext<'a> {
    /// Number of buyers.
    pub buyers: u32,
    /// In a run, what supervises the processes of the strategy; none outside of one.
    pub supervision: Option<Supervision<'a>>,
}

/// How the processes of a strategy are supervised.
#[derive(Clone, Copy, Debug)]
pub struct Supervision<'a> {
    /// This program, which ends the processes when it is killed.
    pub supervisor: &'a Path,
    /// The file that their standard error goes to.
    pub log: &'a Path,
}

impl StrategyContext<'_> {
    /// Outside of a run.
    pub fn of(buyers: u32) -> Self {
        Self { buyers, supervision: None }
    }
}

/// A strategy in a run, with the state that it keeps between orders.
pub trait ActiveStrategy: fmt::Debug + Send + Sync {
    /// Buys an order. Nothing is written unless the outcome is `Sold` or `Unknown`.
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult>;

    /// Moves the stock of `events` to where the strategy sells it from. Called once, after the dataset is written and before the
    /// load; its calls are recorded as `Purpose::Settle`.
    ///
    /// # Errors
    /// What failed. The load cannot start then.
    fn prepare<'a>(
        &'a self,
        _shop: &'a Shop,
        _caller: &'a mut RecordingClient,
        _events: &'a [String],
    ) -> Pending<'a, Result<(), StrategyError>> {
        // The stock stays where the dataset keeps it.
        Box::pin(std::future::ready(Ok(())))
    }

    /// Runs the expiry sweeper of a strategy with reservations, from before the load until `over`.
    fn sweep_expired<'a>(&'a self, _shop: &'a Shop, caller: RecordingClient, _over: CancellationToken) -> Pending<'a, ()> {
        Box::pin(caller.close())
    }

    /// Stops the background tasks and processes, after the last buyer has ended.
    fn close(&self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Restores the stock of `events` to the tickets after the load. Called once, after every fault is healed and every
    /// unanswered request has timed out in etcd, so that no write is in flight; its calls are recorded as `Purpose::Settle`, or as
    /// `Purpose::Release` for reservations.
    ///
    /// # Errors
    /// What failed. Sold tickets stay sold.
    fn restore<'a>(
        &'a self,
        _shop: &'a Shop,
        _caller: &'a mut RecordingClient,
        _events: &'a [String],
    ) -> Pending<'a, Result<(), StrategyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
