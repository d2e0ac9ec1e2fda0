//! Whether a run tested the promises about sales.

use ticketcd_history::event::Event;

/// Whether a run had any purchase attempts. Searches alone do not test a promise about sales, but only a complete record shows
/// that there was nothing else.
#[derive(Debug, Default)]
pub(super) struct Demand {
    attempted: bool,
    ended: bool,
}

impl Demand {
    /// Processes an event.
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::OrderPlaced(_) | Event::CancelPlaced(_) => self.attempted = true,
            Event::Ended(_) => self.ended = true,
            _ => {}
        }
    }

    /// Whether there was, or may have been, a purchase attempt.
    pub(super) fn may_be(&self) -> bool {
        self.attempted || !self.ended
    }
}
