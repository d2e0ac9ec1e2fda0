//! Buying: one file per strategy. What they share is the stock as last seen ([`state`]), the decision what to write
//! ([`mod@write`]) and the stock that a buyer has in its cache ([`mod@stock_cache`]).

pub mod batched;
pub mod command;
pub mod fenced_lock;
pub mod hold;
pub mod lock;
mod lock_admission;
mod locking;
pub mod naive;
pub mod optimistic;
pub mod purchase_result;
pub mod quoted;
pub mod retry_policy;
mod same_guard;
mod session;
pub mod sharded;
pub(super) mod shards;
pub mod state;
pub mod stock_cache;
mod strategy_error;
#[cfg(test)]
mod tests;
pub mod write;

pub use batched::Batched;
pub use command::Command;
pub use fenced_lock::FencedLock;
pub use hold::Hold;
pub use lock::Lock;
pub use naive::Naive;
pub use optimistic::Optimistic;
pub use purchase_result::PurchaseResult;
pub use quoted::Quoted;
pub use retry_policy::RetryPolicy;
pub use sharded::Sharded;
pub use stock_cache::StockCache;
pub use strategy_error::StrategyError;

use std::path::Path;

use crate::settings::strategy as settings;

/// How tickets are bought.
#[derive(Clone, Debug)]
pub enum Strategy {
    /// One guarded transaction: safe.
    Optimistic(Optimistic),
    /// Get, check, put: oversells under concurrency.
    Naive(Naive),
    /// Get, check, put under etcd's lock: unsafe when a holder pauses for longer than its lease lives.
    Lock(Lock),
    /// The same, and the transaction compares that the lock is still held: safe.
    FencedLock(FencedLock),
    /// Reserved under a lease, paid, confirmed: safe.
    Hold(Hold),
    /// Bought at the price of an earlier revision: safe on a correct etcd.
    Quoted(Quoted),
    /// Concurrent orders for an event in one guarded transaction: safe.
    Batched(Batched),
    /// The stock of a ticket in several keys: safe.
    Sharded(Sharded),
    /// A script of the user's: as safe as that is.
    Command(Command),
}

impl Strategy {
    /// The strategy that a scenario names, with its settings, for `buyers`.
    pub fn new(settings: &settings::Strategy, buyers: u32) -> Self {
        match settings {
            settings::Strategy::Optimistic(settings) => {
                Self::Optimistic(Optimistic { retries: RetryPolicy::new(settings.attempts, settings.back_off), retry: settings.retry })
            }
            settings::Strategy::Naive(settings) => Self::Naive(Naive { pause: settings.pause.0 }),
            settings::Strategy::Lock(settings) => Self::Lock(Lock::new(settings)),
            settings::Strategy::FencedLock(settings) => Self::FencedLock(FencedLock::new(settings)),
            settings::Strategy::Batched(settings) => {
                Self::Batched(Batched::new(settings.attempts.max(1), usize::try_from(settings.max_txn_ops).unwrap_or(usize::MAX)))
            }
            settings::Strategy::Sharded(settings) => Self::Sharded(Sharded {
                shards: u32::from(settings.shards),
                retries: RetryPolicy::new(settings.attempts, settings.back_off),
            }),
            settings::Strategy::Hold(settings) => Self::Hold(Hold::new(settings)),
            settings::Strategy::Quoted(settings) => Self::Quoted(Quoted(RetryPolicy::new(settings.attempts, settings.back_off))),
            settings::Strategy::Command(settings) => Self::Command(Command::new(&settings.run, settings.timeout.0, buyers)),
        }
    }

    /// The same strategy in a run: what it starts is supervised by `supervisor`, which is this program, and logs to `log`.
    pub fn within(self, supervisor: &Path, log: &Path) -> Self {
        match self {
            Self::Command(command) => Self::Command(command.within(supervisor, log)),
            other => other,
        }
    }

    /// Its name, as in scenarios.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Optimistic(_) => "optimistic",
            Self::Naive(_) => "naive",
            Self::Lock(_) => "lock",
            Self::FencedLock(_) => "fenced-lock",
            Self::Hold(_) => "hold",
            Self::Quoted(_) => "quoted",
            Self::Batched(_) => "batched",
            Self::Sharded(_) => "sharded",
            Self::Command(_) => "command",
        }
    }
}
