//! What a buyer remembers between its orders.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

use super::session::Session;
use super::sharded::Parts;
use super::state::Stock;
use crate::etcd::RecordingClient;

/// Events a buyer remembers; the one it has not met for longest goes first.
const EVENTS_MAX: usize = 64;

/// What one buyer last saw of the stock. Nothing in it is shared with another buyer: what a buyer knows it has read or
/// written itself. Guards, not memory, make a purchase safe; memory saves the read before it.
#[derive(Debug)]
pub struct BuyerMemory {
    stocks: FxHashMap<String, Remembered>,
    parts: FxHashMap<String, Parts>,
    clock: u64,
    random: ChaCha8Rng,
    intentions: ChaCha8Rng,
    /// The lease under which it takes locks; none before the first.
    pub(super) session: Option<Session>,
}

#[derive(Debug)]
struct Remembered {
    stock: Stock,
    met: u64,
}

impl BuyerMemory {
    /// An empty memory. The random stream is for the pauses after conflicts.
    pub fn new(random: ChaCha8Rng) -> Self {
        Self { stocks: FxHashMap::default(), parts: FxHashMap::default(), clock: 0, intentions: random.clone(), random, session: None }
    }

    /// The same with a random stream of its own for what it does about a reservation, so that the plan of a seed does not
    /// depend on how often it met others.
    pub fn with_intentions(self, intentions: ChaCha8Rng) -> Self {
        Self { intentions, ..self }
    }

    /// Takes out what is remembered of an event: it must be put back with [`remember`](Self::remember), or is forgotten.
    pub fn recall(&mut self, event: &str) -> Option<Stock> {
        self.stocks.remove(event).map(|remembered| remembered.stock)
    }

    /// Remembers the stock of an event.
    pub fn remember(&mut self, event: &str, stock: Stock) {
        if self.stocks.len() >= EVENTS_MAX && !self.stocks.contains_key(event) {
            let oldest = self.stocks.iter().min_by_key(|(_, remembered)| remembered.met).map(|(event, _)| event.clone());
            if let Some(oldest) = oldest {
                self.stocks.remove(&oldest);
            }
        }
        self.clock += 1;
        self.stocks.insert(event.to_owned(), Remembered { stock, met: self.clock });
    }

    /// Takes out what is remembered of an event whose stock is in parts, as [`recall`](Self::recall) does.
    pub fn recall_parts(&mut self, event: &str) -> Option<Parts> {
        self.parts.remove(event)
    }

    /// Remembers the parts of an event's stock. With too many events all are forgotten: parts take more room than a stock.
    pub fn remember_parts(&mut self, event: &str, parts: Parts) {
        if self.parts.len() >= EVENTS_MAX {
            self.parts.clear();
        }
        self.parts.insert(event.to_owned(), parts);
    }

    /// The random stream for what it does about a reservation.
    pub(super) fn intentions(&mut self) -> &mut ChaCha8Rng {
        &mut self.intentions
    }

    /// Gives back what the cluster keeps for it: its lease.
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
