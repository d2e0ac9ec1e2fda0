//! `lock`: get, check, put under etcd's lock. **Unsafe** as soon as a holder pauses for longer than its lease lives.
//!
//! **Idea.** Let one buyer of an event in at a time. etcd's Lock puts a key under the lock's name and answers when no
//! older one is left; deleting the key lets the next one in. So that a buyer that died does not lock everybody out, the
//! key hangs on a lease: when nobody keeps it alive any more, etcd deletes the key.
//!
//! **Guard.** None: the transaction trusts the lock. But a lease is a promise of etcd's about time, and the buyer's clock,
//! or its garbage collector, or the operating system, knows nothing of it. A buyer that stalls between its check and its
//! write may wake up when its lease is long gone, the next one has the lock, and the stock it has read is history. It then
//! writes that history over what the other has sold: one ticket, two buyers. No check of the lease *before* the write
//! helps, for the stall may come after the check. `strategy.lock.stall` makes such a stall happen on demand.
//!
//! **What it still does right.** All keys are written in one transaction, so that a sale is never half written: what goes
//! wrong here is the missing guard and nothing else. Not getting the lock in time is a conflict; nothing was written.
//!
//! **Cost.** Four round trips, one buyer of an event at a time: lock, get, put, unlock. The lock alone is two to three of
//! them within the cluster. Guarding the write instead (`optimistic`) takes one, and is safe.

use super::locking::Locking;
use super::{Bought, BuyerMemory};
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

    pub(in crate::shop) async fn buy(&self, shop: &Shop, caller: &mut RecordingClient, memory: &mut BuyerMemory, order: &Order) -> Bought {
        self.0.buy(shop, caller, memory, order, |_| Vec::new()).await
    }
}
