//! `fenced-lock`: get, check, put under etcd's lock, and the put asks whether the lock is still held. Safe.
//!
//! **Idea.** As `lock`, but the one who decides whether the lock is still held is the one who writes: etcd itself, in the
//! transaction. This is what "fencing" means, and where a lock guards something outside of etcd, the same is done with a
//! number that grows with each holder and that the other side compares.
//!
//! **Guard.** The transaction compares the creation revision of the lock's key: the key exists, and it is the one that
//! was there when the lock was had. A buyer that stalled until its lease was gone finds its key gone, writes nothing, and
//! reports a conflict.
//!
//! **Why it is safe.** Tickets, event and purchases of an event are written under its lock only. As long as the key is
//! there nobody else holds the lock, so what was read under it is still true; and once it is not, nothing can be written:
//! a transaction whose answer was lost is carried out before the next holder reads, or never. It takes reads that go
//! through consensus: with `read = "serializable"` the stock may be older than the lock, which no fence can know, so that a
//! scenario that asks for both is refused.
//!
//! **Cost.** As `lock`: four round trips, one buyer of an event at a time. The fence costs nothing. Comparing the
//! revisions of what is written instead would be as safe without any lock: that is `optimistic`.

use super::locking::{Held, Locking};
use super::{Bought, BuyerMemory};
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

    pub(in crate::shop) async fn buy(&self, shop: &Shop, caller: &mut RecordingClient, memory: &mut BuyerMemory, order: &Order) -> Bought {
        self.0.buy(shop, caller, memory, order, Held::fence).await
    }
}
