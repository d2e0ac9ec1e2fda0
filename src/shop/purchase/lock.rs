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

use super::locking::Locking;
use super::{PurchaseResult, StockCache};
use crate::etcd::RecordingClient;
use crate::settings::strategy::{FencedLockSettings, LockSettings};
use crate::shop::{Order, Shop};

/// The lock strategy's settings.
#[derive(Clone, Debug)]
pub struct Lock(Locking);

impl Lock {
    /// With these settings.
    pub fn new(settings: &LockSettings) -> Self {
        let LockSettings { ttl, wait, waiters, stall, read: _ } = settings.clone();
        Self(Locking::new(&FencedLockSettings { ttl, wait, waiters, stall }))
    }

    pub(in crate::shop) async fn buy(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
    ) -> PurchaseResult {
        self.0.buy(shop, caller, cache, order, |_| Vec::new()).await
    }
}
