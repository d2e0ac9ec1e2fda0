//! Where buyers are while they may not even wait for a lock (`strategy.lock.waiters`).
//!
//! **Why.** Whoever waits for a lock of etcd's has a key in its queue and a lease to be kept alive. With hundreds of buyers at
//! one event the cluster is busier with keeping them waiting than with what they buy; on a slow machine leases then run out in
//! the queue, and nobody buys anything. A queue within this program costs nothing, and it changes nothing about who holds the
//! lock: what is safe or unsafe about locks stays so.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The doors of all events.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    /// Buyers of one event that may be through its door at the same time.
    places: usize,
    doors: Mutex<FxHashMap<String, Arc<Semaphore>>>,
}

/// A buyer that is through the door. Dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl WaitingRoom {
    /// A room that lets so many buyers of each event through.
    pub(super) fn new(places: u32) -> Self {
        Self { places: usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS).clamp(1, Semaphore::MAX_PERMITS), doors: Mutex::default() }
    }

    /// Waits for a place, in the order of arrival. None when there was none for as long as `patience`.
    pub(super) async fn enter(&self, event: &str, patience: Duration) -> Option<Place> {
        let permit = tokio::time::timeout(patience, self.door(event).acquire_owned()).await;
        // A door is never closed.
        permit.ok()?.ok().map(|permit| Place { _permit: permit })
    }

    fn door(&self, event: &str) -> Arc<Semaphore> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        match doors.get(event) {
            Some(door) => Arc::clone(door),
            None => Arc::clone(doors.entry(event.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.places)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn as_many_as_there_are_places_for_each_event() {
        let room = WaitingRoom::new(2);
        let (first, second) = (room.enter("e1", AT_ONCE).await, room.enter("e1", AT_ONCE).await);
        assert!(first.is_some() && second.is_some());
        assert!(room.enter("e1", AT_ONCE).await.is_none(), "both places are taken");
        assert!(room.enter("e2", AT_ONCE).await.is_some(), "another event has a door of its own");
        drop(first);
        assert!(room.enter("e1", AT_ONCE).await.is_some());
    }

    #[tokio::test]
    async fn who_came_first_goes_first() {
        let room = Arc::new(WaitingRoom::new(1));
        let place = room.enter("e1", AT_ONCE).await;
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for buyer in 0..3 {
            let (room, told) = (Arc::clone(&room), told.clone());
            tokio::spawn(async move {
                let place = room.enter("e1", Duration::from_secs(10)).await;
                told.send((buyer, place.is_some())).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop(place);
        for buyer in 0..3 {
            assert_eq!(order.recv().await, Some((buyer, true)));
        }
    }
}
