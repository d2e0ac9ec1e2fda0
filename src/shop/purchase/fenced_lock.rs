//! `fenced-lock`: get, check, put under etcd's lock, and the put compares that the lock is still held. Safe.
//!
//! **Idea.** As `lock`, but whether the lock is still held is decided by the one who writes: etcd itself, in the transaction. This
//! is what "fencing" means. Where a lock protects something outside etcd, the same is done with a number that grows with each
//! holder and that the other side compares.
//!
//! **Guard.** The transaction compares the creation revision of the lock's key: the key exists, and it is the one that existed
//! when the lock was acquired. A buyer that stalled until its lease expired finds its key deleted, writes nothing, and reports a
//! conflict.
//!
//! **Why it is safe.** Tickets, event and purchases of an event are written under its lock only. As long as the key exists no
//! other buyer holds the lock, so what was read under it is still true; and once it does not, nothing can be written: a
//! transaction whose answer was lost is applied before the next holder reads, or never. This needs reads through consensus: a
//! serializable read may be older than the lock, which no fence detects, so this strategy has no such setting.
//!
//! **Cost.** As `lock`: four round trips, one buyer of an event at a time. The fence costs nothing. Comparing the
//! revisions of what is written instead would be as safe without any lock: that is `optimistic`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::locking::{self, Held, Locking, Stall};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::{PurchaseResult, StockCache};
use crate::etcd::RecordingClient;
use crate::settings::problem::Checked;
use crate::settings::types::ReadMode;
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// Get, check, put under etcd's lock, and the transaction compares that the lock is still held: safe. It always reads through
/// consensus: the fence does not compare that the stock was read after the lock was acquired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FencedLockSettings {
    /// Time to live of a holder's lease, in whole seconds. etcd grants at least one and a half election timeouts.
    pub ttl: Span,
    /// How long a buyer waits for the lock before the order ends as a conflict. With `waiters` the buyer waits as long again
    /// for admission to etcd's queue.
    pub wait: Span,
    /// Buyers of one event that hold or await its lock at the same time, at most. The others queue inside `ticketcd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiters: Option<u32>,
    /// Holders that stall between their check and their write, as in a long garbage collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<Stall>,
}

impl Default for FencedLockSettings {
    fn default() -> Self {
        Self { ttl: Span::seconds(10), wait: Span::seconds(5), waiters: None, stall: None }
    }
}

impl StrategySettings for FencedLockSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        locking::check(scope, self)
    }

    fn read(&self) -> ReadMode {
        ReadMode::Linearizable
    }

    fn relies_on_locks(&self) -> bool {
        true
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(FencedLock(Locking::new(self)))
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        // Hundreds of waiters keep the cluster busier than their purchases.
        let waiters = if draws.buyers > 30 || draws.percent(50) { Some(draws.magnitude(1, 32)) } else { None };
        let stall = draws.percent(30).then(|| Stall { every: draws.number(3..=30), lasts: draws.milliseconds(&[500, 2_500, 4_000]) });
        Some(Self { ttl: Span::seconds(draws.number(1..=6)), wait: Span::seconds(draws.number(1..=5)), waiters, stall })
    }
}

/// The strategy in a run.
#[derive(Clone, Debug)]
struct FencedLock(Locking);

impl ActiveStrategy for FencedLock {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.0.buy(shop, caller, cache, order, Held::fence))
    }
}
