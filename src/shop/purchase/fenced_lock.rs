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

use super::locking::{Held, Locking};
use super::{PurchaseResult, StockCache};
use crate::etcd::RecordingClient;
use crate::settings::strategy::FencedLockSettings;
use crate::shop::{Order, Shop};

/// The fenced lock strategy's settings.
#[derive(Clone, Debug)]
pub struct FencedLock(Locking);

impl FencedLock {
    /// With these settings.
    pub fn new(settings: &FencedLockSettings) -> Self {
        Self(Locking::new(settings))
    }

    pub(in crate::shop) async fn buy(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
    ) -> PurchaseResult {
        self.0.buy(shop, caller, cache, order, Held::fence).await
    }
}
