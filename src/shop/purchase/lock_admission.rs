//! Admission to the lock of an event (`waiters` of `lock` and `fenced-lock`).
//!
//! **Why.** A buyer that waits for a lock in etcd has a key in its queue and a lease to keep alive. With hundreds of buyers of
//! one event the cluster spends more on the waiting buyers than on purchases; on a slow machine leases then expire in the
//! queue, and no order completes. A queue inside this program costs nothing and does not change who holds the lock: what is
//! safe or unsafe about locks stays the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One semaphore per event.
#[derive(Debug)]
pub(super) struct LockAdmission {
    /// Buyers of one event that are admitted at the same time.
    permits: usize,
    semaphores: Mutex<FxHashMap<String, Arc<Semaphore>>>,
}

/// An admitted buyer. Dropping it admits the next one.
#[derive(Debug)]
pub(super) struct Permit {
    _permit: OwnedSemaphorePermit,
}

impl LockAdmission {
    /// Admits this many buyers of each event at the same time.
    pub(super) fn new(permits: u32) -> Self {
        let permits = usize::try_from(permits).unwrap_or(Semaphore::MAX_PERMITS).clamp(1, Semaphore::MAX_PERMITS);
        Self { permits, semaphores: Mutex::default() }
    }

    /// Waits for admission, first come, first served. None when `timeout` elapses first.
    pub(super) async fn acquire(&self, event: &str, timeout: Duration) -> Option<Permit> {
        let permit = tokio::time::timeout(timeout, self.semaphore(event).acquire_owned()).await;
        // The semaphore is never closed.
        permit.ok()?.ok().map(|permit| Permit { _permit: permit })
    }

    fn semaphore(&self, event: &str) -> Arc<Semaphore> {
        let mut semaphores = self.semaphores.lock().unwrap_or_else(PoisonError::into_inner);
        match semaphores.get(event) {
            Some(semaphore) => Arc::clone(semaphore),
            None => Arc::clone(semaphores.entry(event.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.permits)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn admission_is_limited_per_event() {
        let admission = LockAdmission::new(2);
        let (first, second) = (admission.acquire("e1", AT_ONCE).await, admission.acquire("e1", AT_ONCE).await);
        assert!(first.is_some() && second.is_some());
        assert!(admission.acquire("e1", AT_ONCE).await.is_none(), "both permits are taken");
        assert!(admission.acquire("e2", AT_ONCE).await.is_some(), "each event has its own limit");
        drop(first);
        assert!(admission.acquire("e1", AT_ONCE).await.is_some());
    }

    #[tokio::test]
    async fn admission_is_first_come_first_served() {
        let admission = Arc::new(LockAdmission::new(1));
        let permit = admission.acquire("e1", AT_ONCE).await;
        let (admitted, mut order) = tokio::sync::mpsc::unbounded_channel();
        for buyer in 0..3 {
            let (admission, admitted) = (Arc::clone(&admission), admitted.clone());
            tokio::spawn(async move {
                let permit = admission.acquire("e1", Duration::from_secs(10)).await;
                admitted.send((buyer, permit.is_some())).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop(permit);
        for buyer in 0..3 {
            assert_eq!(order.recv().await, Some((buyer, true)));
        }
    }
}
