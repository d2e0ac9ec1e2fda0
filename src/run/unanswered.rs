//! Keeps the moment at which a write was last given up without an answer: the drain has to outlast it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::model::Nanos;

use crate::record::Reader;

/// The moment at which a call was last given up without an answer; 0 when every call was answered.
#[derive(Clone, Debug, Default)]
pub struct LastUnanswered(Arc<AtomicU64>);

impl LastUnanswered {
    /// The moment.
    pub fn get(&self) -> Nanos {
        self.0.load(Ordering::Acquire)
    }
}

impl Reader for LastUnanswered {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        if let Event::Return(returned) = event
            && matches!(returned.outcome, CallOutcome::Unknown { .. })
        {
            self.0.fetch_max(returned.done, Ordering::Release);
        }
        Ok(())
    }
}
