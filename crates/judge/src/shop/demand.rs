//! Whether a run called upon the promises about sales at all.

use ticketcd_history::event::Event;

/// What a run shows of anybody wanting to buy something. Buyers that only look around neither keep nor break a promise about
/// sales; but only a record that is whole shows that nobody did more than that.
#[derive(Debug, Default)]
pub(super) struct Demand {
    wanted: bool,
    ended: bool,
}

impl Demand {
    /// Takes note of an event.
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::OrderPlaced(_) | Event::CancelPlaced(_) => self.wanted = true,
            Event::Ended(_) => self.ended = true,
            _ => {}
        }
    }

    /// Whether somebody wanted to buy, or may have.
    pub(super) fn may_be(&self) -> bool {
        self.wanted || !self.ended
    }
}
