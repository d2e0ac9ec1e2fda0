//! What a buyer keeps between its orders.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

use super::session::Session;
use super::sharded::Parts;
use super::state::Stock;
use crate::etcd::RecordingClient;

/// Events in the cache; the least recently used is evicted.
const EVENTS_MAX: usize = 64;

/// The stock as one buyer last read or wrote it. Buyers do not share it. Guards make a purchase safe; the cache only saves the
/// read before it.
#[derive(Debug)]
pub struct StockCache {
    stocks: FxHashMap<String, Entry>,
    parts: FxHashMap<String, Parts>,
    clock: u64,
    random: ChaCha8Rng,
    intentions: ChaCha8Rng,
    /// The lease under which the buyer takes locks; none before the first lock.
    pub(super) session: Option<Session>,
}

#[derive(Debug)]
struct Entry {
    stock: Stock,
    used: u64,
}

impl StockCache {
    /// An empty cache. The random stream is for the pauses after conflicts.
    pub fn new(random: ChaCha8Rng) -> Self {
        Self { stocks: FxHashMap::default(), parts: FxHashMap::default(), clock: 0, intentions: random.clone(), random, session: None }
    }

    /// The same with a separate random stream for what the buyer does about a reservation, so that the plan of a seed does not
    /// depend on the number of conflicts.
    pub fn with_intentions(self, intentions: ChaCha8Rng) -> Self {
        Self { intentions, ..self }
    }

    /// Removes the stock of an event and returns it; [`put`](Self::put) stores it again.
    pub fn take(&mut self, event: &str) -> Option<Stock> {
        self.stocks.remove(event).map(|entry| entry.stock)
    }

    /// Stores the stock of an event.
    pub fn put(&mut self, event: &str, stock: Stock) {
        if self.stocks.len() >= EVENTS_MAX && !self.stocks.contains_key(event) {
            let oldest = self.stocks.iter().min_by_key(|(_, entry)| entry.used).map(|(event, _)| event.clone());
            if let Some(oldest) = oldest {
                self.stocks.remove(&oldest);
            }
        }
        self.clock += 1;
        self.stocks.insert(event.to_owned(), Entry { stock, used: self.clock });
    }

    /// The same for an event whose stock is split into parts.
    pub fn take_parts(&mut self, event: &str) -> Option<Parts> {
        self.parts.remove(event)
    }

    /// Stores the parts of an event's stock. When the cache is full it is cleared: parts take more memory than a stock.
    pub fn put_parts(&mut self, event: &str, parts: Parts) {
        if self.parts.len() >= EVENTS_MAX {
            self.parts.clear();
        }
        self.parts.insert(event.to_owned(), parts);
    }

    /// The random stream for what the buyer does about a reservation.
    pub(super) fn intentions(&mut self) -> &mut ChaCha8Rng {
        &mut self.intentions
    }

    /// Revokes the buyer's lease.
    pub async fn close(self, caller: &mut RecordingClient) {
        if let Some(session) = self.session {
            session.end(caller).await;
        }
    }

    /// A number drawn evenly from 0 to 1.
    pub fn jitter(&mut self) -> f64 {
        self.random.random()
    }
}
