//! `lock`: get, check, put under etcd's lock. **Unsafe** as soon as a holder pauses for longer than its lease lives.
//!
//! **Idea.** Admit one buyer of an event at a time. etcd's Lock creates a key under the lock's name and answers when no older
//! one is left; deleting the key admits the next buyer. So that a buyer that died does not block all others, the key is attached
//! to a lease: when the lease is not renewed, etcd deletes the key.
//!
//! **Guard.** None: the transaction trusts the lock. But a lease is a promise of etcd's about time, which the buyer's clock, its
//! garbage collector and its operating system do not share. A buyer that stalls between its check and its write may wake up
//! after its lease has expired and the next buyer has acquired the lock: the stock that it read is stale. It then overwrites what
//! the other has sold: one ticket, two buyers. No check of the lease *before* the write helps, because the stall may come after the
//! check. `strategy.lock.stall` causes such a stall on demand.
//!
//! **What it still does right.** All keys are written in one transaction, so that a sale is never half written: what goes
//! wrong here is the missing guard and nothing else. Not getting the lock in time is a conflict; nothing was written.
//!
//! **Cost.** Four round trips, one buyer of an event at a time: lock, get, put, unlock. The lock alone is two to three of
//! them within the cluster. Guarding the write instead (`optimistic`) takes one, and is safe.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fenced_lock::FencedLockSettings;
use super::locking::{self, Locking, Stall};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::{PurchaseResult, StockCache};
use crate::etcd::RecordingClient;
use crate::settings::problem::Checked;
use crate::settings::types::ReadMode;
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// Get, check, put under etcd's lock: oversells when the holder stalls for longer than its lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LockSettings {
    /// Time to live of a holder's lease, in whole seconds. etcd grants at least one and a half election timeouts.
    pub ttl: Span,
    /// How long a buyer waits for the lock before the order ends as a conflict. With `waiters` the buyer waits as long again
    /// for admission to etcd's queue.
    pub wait: Span,
    /// Buyers of one event that hold or await its lock at the same time, at most. The others queue inside `ticketcd`. Without
    /// a limit every buyer awaits the lock in etcd with a lease of its own: keeping hundreds of leases alive costs a cluster
    /// more than the purchases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiters: Option<u32>,
    /// Holders that stall between their check and their write, as in a long garbage collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<Stall>,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for LockSettings {
    fn default() -> Self {
        let FencedLockSettings { ttl, wait, waiters, stall } = FencedLockSettings::default();
        Self { ttl, wait, waiters, stall, read: ReadMode::Linearizable }
    }
}

impl LockSettings {
    /// The settings that it shares with `fenced-lock`.
    fn locking(&self) -> FencedLockSettings {
        let Self { ttl, wait, waiters, stall, read: _ } = self.clone();
        FencedLockSettings { ttl, wait, waiters, stall }
    }
}

impl StrategySettings for LockSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        locking::check(scope, &self.locking())
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn relies_on_locks(&self) -> bool {
        true
    }

    fn fails_by_design(&self) -> &'static [&'static str] {
        &["oversell", "conservation", "revenue", "ledger", "refusal", "locks"]
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(Lock(Locking::new(&self.locking())))
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        let FencedLockSettings { ttl, wait, waiters, stall } = FencedLockSettings::draw(draws)?;
        Some(Self { ttl, wait, waiters, stall, read: draws.read })
    }
}

/// The strategy in a run.
#[derive(Clone, Debug)]
struct Lock(Locking);

impl ActiveStrategy for Lock {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.0.buy(shop, caller, cache, order, |_| Vec::new()))
    }
}
