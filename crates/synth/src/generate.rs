//! Generating the events of a run.

use std::io;

use crate::mutation::Mutation;
use crate::run::{Generated, Size};
use crate::sale::Sale;
use crate::staged::Staged;
use crate::strategy::Strategy;
use ticketcd_history::event::Event;

/// Generates a run of the strategy that the mutation needs, by default the optimistic one, and gives its events to `sink`, one
/// after the other.
///
/// # Errors
/// When the sink fails, or when the run is too small for the mutation.
pub fn generate(size: &Size, mutation: Option<Mutation>, sink: &mut dyn FnMut(&Event) -> io::Result<()>) -> io::Result<Generated> {
    generate_of(size, mutation.map(Mutation::strategy).unwrap_or_default(), mutation, sink)
}

/// Generates a run of a strategy and gives its events to `sink`, one after the other.
///
/// # Errors
/// When the sink fails, when the run is too small for the mutation, or when the mutation needs another strategy.
pub fn generate_of(
    size: &Size,
    strategy: Strategy,
    mutation: Option<Mutation>,
    sink: &mut dyn FnMut(&Event) -> io::Result<()>,
) -> io::Result<Generated> {
    if let Some(mutation) = mutation.filter(|mutation| mutation.strategy() != strategy) {
        let needed = mutation.strategy();
        return Err(io::Error::other(format!("the mutation {mutation} needs the strategy {needed}, not {strategy}")));
    }
    match strategy {
        Strategy::Optimistic => Sale::new(size, mutation, sink).run(),
        Strategy::Sharded | Strategy::Hold | Strategy::Lock | Strategy::FencedLock => Staged::new(size, strategy, mutation, sink).run(),
    }
}
