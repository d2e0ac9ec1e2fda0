//! What people look at on stock boards, and from when on.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use ticketcd_judge::history::Blob;
use ticketcd_judge::shop::model::Keyspace;
use ticketcd_judge::shop::model::keys::prefix_end;

use super::market::Market;
use crate::etcd::watches::{Start, WatchHandle, WatchRequest};
use crate::scenario::types::Housekeeping;

/// How far back most boards start that start in the past, in revisions.
const BACK_MAX: u32 = 500;
/// How far ahead boards start that start in the future: some are told nothing at first.
const AHEAD: std::ops::RangeInclusive<u32> = 20..=200;

/// Where boards are opened, and what is opened.
#[derive(Clone, Debug)]
pub struct Billboard {
    handle: WatchHandle,
    /// What compactions keep, if there are any: some boards ask for what is gone.
    kept_revisions: Option<u32>,
}

impl Billboard {
    /// Boards are opened at `handle`.
    pub fn new(handle: WatchHandle, housekeeping: &Housekeeping) -> Self {
        Self { handle, kept_revisions: (!housekeeping.compact_every.0.is_zero()).then_some(housekeeping.keep_revisions) }
    }

    /// Where they are opened.
    pub fn handle(&self) -> &WatchHandle {
        &self.handle
    }

    /// Draws a board for somebody: mostly an event's tickets; sometimes one ticket, the user's own purchases, or everything
    /// the shop has. None when nothing is on offer.
    pub fn draw(&self, market: &Market, keys: &Keyspace, user: &str, random: &mut ChaCha8Rng) -> Option<WatchRequest> {
        let (event, items) = market.draw_order(random)?;
        let (kind, _) = items.first()?;
        // What was deleted at the compaction must still be delivered. Deletions are of holds and locks: only a watch on
        // everything sees them.
        if self.kept_revisions.is_some() && random.random_ratio(1, 10) {
            let (key, range_end) = everything_below(keys.key(""));
            return Some(WatchRequest { key, range_end, start: Start::AtCompaction, previous: random.random(), progress: random.random() });
        }
        let (key, range_end) = match random.random_range(0..100_u8) {
            // It is told of every write: that costs as much as a collector.
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
