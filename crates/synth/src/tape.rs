//! Where everything that is made up goes: to the sink; and past the boards, which are told of what the collectors deliver.

use std::io;

use super::boards::Boards;
use super::plan::Plan;
use super::{Plant, Size};
use ticketcd_history::event::Event;

/// The way to the sink.
pub(super) struct Tape<'sink> {
    pub(super) plan: Plan,
    /// Events so far.
    pub(super) events: u64,
    boards: Boards,
    /// What the boards have to say; kept to be used again.
    told: Vec<Event>,
    sink: &'sink mut dyn FnMut(&Event) -> io::Result<()>,
    failure: Option<io::Error>,
}

impl<'sink> Tape<'sink> {
    pub(super) fn new(size: &Size, plant: Option<Plant>, sink: &'sink mut dyn FnMut(&Event) -> io::Result<()>) -> Self {
        Self { plan: Plan::new(plant), events: 0, boards: Boards::new(size.seed), told: Vec::new(), sink, failure: None }
    }

    /// Tells an event, and what the boards are told after it.
    pub(super) fn tell(&mut self, event: &Event) {
        self.write(event);
        let mut told = std::mem::take(&mut self.told);
        self.boards.after(event, &mut self.plan, &mut told);
        told.drain(..).for_each(|event| self.write(&event));
        self.told = told;
    }

    fn write(&mut self, event: &Event) {
        self.events += 1;
        if self.failure.is_none()
            && let Err(error) = (self.sink)(event)
        {
            self.failure = Some(error);
        }
    }

    /// The sink's failure, once.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// At the end of the run: the sink's failure, or that there was no occasion to plant what was to be planted.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.check()?;
        match self.plan.plant {
            Some(plant) if !self.plan.is_planted && !plant.is_planted_in_a_log() => Err(io::Error::other(format!(
                "this run offers no occasion for {plant}: try another seed, more operations, or more buyers and tickets"
            ))),
            _ => Ok(()),
        }
    }
}
