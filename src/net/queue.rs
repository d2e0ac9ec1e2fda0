//! Bytes on their way: in order, each with the moment it is due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes a direction of a connection may have in flight; then it stops reading, which slows the sender down.
pub(super) const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Capacity that an empty queue keeps.
const CAPACITY_KEPT_BYTES: usize = 64 * 1024;

/// Bytes on their way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: VecDeque<u8>,
    parcels: VecDeque<Parcel>,
    /// Set when nothing more will come.
    end: Option<Instant>,
}

#[derive(Debug)]
struct Parcel {
    due: Instant,
    length: usize,
}

impl Queue {
    /// Appends bytes. They are due then, or when those before them are.
    pub(super) fn push(&mut self, bytes: &[u8], due: Instant) {
        self.bytes.extend(bytes);
        let due = self.not_before_last(due);
        self.parcels.push_back(Parcel { due, length: bytes.len() });
    }

    /// Appends the end of the stream.
    pub(super) fn push_end(&mut self, due: Instant) {
        self.end = Some(self.not_before_last(due));
    }

    fn not_before_last(&self, due: Instant) -> Instant {
        self.parcels.back().map_or(due, |last| last.due.max(due))
    }

    /// Whether nothing is in flight, not even the end.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.end.is_none()
    }

    /// Whether more may be pushed.
    pub(super) fn has_room(&self) -> bool {
        self.end.is_none() && self.bytes.len() < QUEUE_BYTES_MAX
    }

    /// How many bytes are in flight.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// When the next bytes, or the end, are due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.parcels.front().map(|parcel| parcel.due).or(self.end)
    }

    /// Bytes that are due now, as many as lie together in memory.
    pub(super) fn due(&self, now: Instant) -> &[u8] {
        let due: usize = self.parcels.iter().take_while(|parcel| parcel.due <= now).map(|parcel| parcel.length).sum();
        let (front, _) = self.bytes.as_slices();
        front.get(..due).unwrap_or(front)
    }

    /// Whether all that is left is the end, and it is due.
    pub(super) fn is_at_end(&self, now: Instant) -> bool {
        self.parcels.is_empty() && self.end.is_some_and(|due| due <= now)
    }

    /// Removes the first `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count);
        let mut left = count;
        while let Some(first) = self.parcels.front_mut() {
            if first.length > left {
                first.length -= left;
                break;
            }
            left -= first.length;
            self.parcels.pop_front();
        }
        if self.bytes.is_empty() && self.bytes.capacity() > CAPACITY_KEPT_BYTES {
            self.bytes = VecDeque::new();
        }
    }

    /// Nothing takes longer than this from now on: the link became faster.
    pub(super) fn hurry(&mut self, now: Instant, longest: Duration) {
        let latest = now + longest;
        for parcel in &mut self.parcels {
            parcel.due = parcel.due.min(latest);
        }
        self.end = self.end.map(|due| due.min(latest));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn order_is_kept_when_a_later_piece_is_due_first() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.push(b"slow", start + 5 * SECOND);
        queue.push(b"fast", start + SECOND);
        queue.push_end(start);
        assert_eq!(queue.due(start + 4 * SECOND), b"");
        assert_eq!(queue.due(start + 5 * SECOND), b"slowfast");
        assert!(!queue.is_at_end(start + 5 * SECOND));
        queue.consume(8);
        assert!(queue.is_at_end(start + 5 * SECOND));
    }

    #[test]
    fn a_partial_write_leaves_the_rest() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.push(b"abc", start);
        queue.push(b"def", start + SECOND);
        queue.consume(2);
        assert_eq!(queue.due(start), b"c");
        queue.consume(1);
        assert_eq!(queue.next_due(), Some(start + SECOND));
        assert_eq!(queue.bytes(), 3);
    }

    #[test]
    fn a_healed_link_delivers_at_once() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.push(b"late", start + 60 * SECOND);
        queue.push_end(start + 60 * SECOND);
        queue.hurry(start, Duration::ZERO);
        assert_eq!(queue.due(start), b"late");
        queue.consume(4);
        assert!(queue.is_at_end(start));
    }
}
