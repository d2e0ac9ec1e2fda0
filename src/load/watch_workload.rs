//! Watches of the load: which keys a stock board watches, and from which revision.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use ticketcd_judge::history::Blob;
use ticketcd_judge::model::Keyspace;
use ticketcd_judge::model::keys::prefix_end;

use super::order_generator::OrderGenerator;
use crate::etcd::watches::{Start, WatchHandle, WatchRequest};
use crate::scenario::types::Housekeeping;

/// How far back most watches start that start in the past, in revisions.
const BACK_MAX: u32 = 500;
/// How far ahead watches start that start in the future, in revisions: some receive nothing at first.
const AHEAD: std::ops::RangeInclusive<u32> = 20..=200;

/// Opens watches, and draws which ones.
#[derive(Clone, Debug)]
pub struct WatchWorkload {
    watches: WatchHandle,
    /// Revisions that compactions keep, if there are any: some watches start at a compacted revision.
    kept_revisions: Option<u32>,
}

impl WatchWorkload {
    /// A workload whose watches are opened through `watches`.
    pub fn new(watches: WatchHandle, housekeeping: &Housekeeping) -> Self {
        Self { watches, kept_revisions: (!housekeeping.compact_every.0.is_zero()).then_some(housekeeping.keep_revisions) }
    }

    /// Opens the watches.
    pub fn watches(&self) -> &WatchHandle {
        &self.watches
    }

    /// Draws a watch of a user: mostly on an event's tickets, sometimes on one ticket, the user's own purchases or the whole shop.
    /// None when there are no events.
    pub fn draw(&self, generator: &OrderGenerator, keys: &Keyspace, user: &str, random: &mut ChaCha8Rng) -> Option<WatchRequest> {
        let (event, items) = generator.draw_order(random)?;
        let (kind, _) = items.first()?;
        // What was deleted at the compaction must still be delivered. Deletions are of holds and locks: only a watch on
        // everything sees them.
        if self.kept_revisions.is_some() && random.random_ratio(1, 10) {
            let (key, range_end) = everything_below(keys.key(""));
            return Some(WatchRequest { key, range_end, start: Start::AtCompaction, previous: random.random(), progress: random.random() });
        }
        let (key, range_end) = match random.random_range(0..100_u8) {
            // It receives every write, which costs as much as a collector.
            0 => everything_below(keys.key("")),
            1..=10 => (keys.ticket(event, kind), Blob::default()),
            11..=20 => everything_below(keys.purchases_of(user)),
            _ => everything_below(keys.tickets_of(event)),
        };
        Some(WatchRequest { key, range_end, start: self.draw_start(random), previous: random.random(), progress: random.random() })
    }

    fn draw_start(&self, random: &mut ChaCha8Rng) -> Start {
        let form = random.random_range(0..10_u8);
        match (form, self.kept_revisions) {
            (0, Some(kept)) => Start::Back(kept.saturating_add(random.random_range(0..=kept))),
            (0..=3, _) => Start::Back(random.random_range(1..=BACK_MAX)),
            (4 | 5, _) => Start::Ahead(random.random_range(AHEAD)),
            _ => Start::Now,
        }
    }
}

/// The range of all keys that begin with `prefix`. etcd takes no empty key: the first of all is the byte 0.
fn everything_below(prefix: Blob) -> (Blob, Blob) {
    let range_end = prefix_end(prefix.as_bytes());
    let key = if prefix.as_bytes().is_empty() { Blob::from(&[0_u8][..]) } else { prefix };
    (key, range_end)
}
