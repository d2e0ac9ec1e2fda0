//! What the events of a record imply: revisions in the order of the log, calls with their responses, and irregular deliveries.

use std::ops::Range;

use crate::core::check::{SequencedRevision, Viewed};
use crate::core::key_space::Versions;
use crate::core::revision_log::{Disagreement, Irregularity};
use crate::core::shared_event::SharedEvent;
use ticketcd_history::event::Event;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchEvent};
use ticketcd_history::{Nanos, Revision};

/// What an event implies.
#[derive(Debug)]
pub(super) enum Derived {
    /// A call ended with it: the request. At the end of the record: the call never ended.
    Call(SharedEvent),
    /// The next revision of the log.
    Revision(Box<LogEntry>),
    /// A delivery that is out of place.
    Irregularity(Irregularity),
    /// A delivery that differs from an earlier one of the same revision.
    Disagreement(Box<Disagreement>),
}

/// A revision of the log.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) revision: Revision,
    pub(super) at: Nanos,
    pub(super) events: EntryEvents,
    pub(super) view: Option<Viewed>,
    /// The revisions directly before it that no collector delivered.
    pub(super) missing_before: u64,
    pub(super) after_hole: bool,
}

/// The events of a revision.
#[derive(Debug)]
pub(super) enum EntryEvents {
    /// A part of the events of the message that delivered it.
    Within(Range<usize>),
    /// They were held back until the revisions before them came.
    Held(Vec<WatchEvent>),
}

impl LogEntry {
    /// Its events. `cause` is the event that implies it.
    pub(super) fn events<'run>(&'run self, cause: Option<&'run Event>) -> &'run [WatchEvent] {
        match (&self.events, cause) {
            (EntryEvents::Held(events), _) => events.as_slice(),
            (EntryEvents::Within(range), Some(Event::WatchBatch(WatchBatch { body: WatchBody::Events(events), .. }))) => {
                events.get(range.clone()).unwrap_or_default()
            }
            (EntryEvents::Within(_), _) => &[],
        }
    }

    /// The revision as checks observe it, with a key space that includes it.
    pub(super) fn sequenced<'run>(&'run self, cause: Option<&'run Event>, versions: &'run Versions) -> SequencedRevision<'run> {
        let Self { revision, at, after_hole, .. } = *self;
        SequencedRevision { revision, at, events: self.events(cause), view: self.view.as_deref(), after_hole, versions }
    }
}
