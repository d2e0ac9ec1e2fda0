//! Where every event of a run goes: to the sink, and to the client watches, which receive what the collectors deliver.

use std::io;

use crate::client_watches::ClientWatches;
use crate::mutation::{Mutation, MutationPlan};
use crate::run::Size;
use ticketcd_history::event::Event;

/// Writes events to the sink.
pub(crate) struct EventWriter<'sink> {
    pub(crate) plan: MutationPlan,
    /// Events so far.
    pub(crate) events: u64,
    watches: ClientWatches,
    /// The events of client watches; kept to reuse the memory.
    follow_ups: Vec<Event>,
    sink: &'sink mut dyn FnMut(&Event) -> io::Result<()>,
    failure: Option<io::Error>,
}

impl<'sink> EventWriter<'sink> {
    pub(crate) fn new(size: &Size, mutation: Option<Mutation>, sink: &'sink mut dyn FnMut(&Event) -> io::Result<()>) -> Self {
        let (plan, watches) = (MutationPlan::new(mutation), ClientWatches::new(size.seed));
        Self { plan, events: 0, watches, follow_ups: Vec::new(), sink, failure: None }
    }

    /// Writes an event, and what client watches receive after it.
    pub(crate) fn write(&mut self, event: &Event) {
        self.append(event);
        let mut follow_ups = std::mem::take(&mut self.follow_ups);
        self.watches.after(event, &mut self.plan, &mut follow_ups);
        follow_ups.drain(..).for_each(|event| self.append(&event));
        self.follow_ups = follow_ups;
    }

    fn append(&mut self, event: &Event) {
        self.events += 1;
        if self.failure.is_none()
            && let Err(error) = (self.sink)(event)
        {
            self.failure = Some(error);
        }
    }

    /// The sink's failure, once.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// At the end of the run: the sink's failure, or that there was no occasion for the mutation.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.check()?;
        match self.plan.mutation {
            Some(mutation) if !self.plan.is_done && !mutation.is_in_a_log() => Err(io::Error::other(format!(
                "this run offers no occasion for the mutation {mutation}: try another seed, more operations, or more buyers and tickets"
            ))),
            _ => Ok(()),
        }
    }
}
