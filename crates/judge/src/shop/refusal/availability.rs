//! How many of each ticket were available, revision by revision.

use rustc_hash::FxHashMap;

use crate::core::check::SequencedRevision;
use crate::shop::replay::{self, ShopChange};
use ticketcd_history::{Blob, Revision};

/// The availability of every ticket.
#[derive(Debug, Default)]
pub(super) struct Availability {
    /// By event, its tickets.
    events: FxHashMap<Blob, Vec<Ticket>>,
    revisions: u64,
}

/// The availability of one ticket.
#[derive(Debug)]
struct Ticket {
    kind: Blob,
    /// In its own record; none while that does not exist.
    current: Option<i64>,
    in_shards: i64,
    /// The revisions that changed the sum, with the sum from then on.
    history: Vec<(Revision, i64)>,
}

impl Availability {
    /// Applies a revision.
    pub(super) fn apply(&mut self, revision: &SequencedRevision<'_>) {
        self.revisions += 1;
        for change in replay::changes(revision) {
            match change {
                ShopChange::Ticket { event, kind, after, .. } => {
                    let ticket = self.ticket(event, kind);
                    ticket.current = after.as_ref().map(|after| after.current_quantity);
                    ticket.note(revision.revision);
                }
                ShopChange::Shard { event, kind, before, after, .. } => {
                    let ticket = self.ticket(event, kind);
                    let moved = after.unwrap_or(0).saturating_sub(before.unwrap_or(0));
                    ticket.in_shards = ticket.in_shards.saturating_add(moved);
                    ticket.note(revision.revision);
                }
                _ => {}
            }
        }
    }

    /// How many revisions were applied.
    pub(super) fn revisions(&self) -> u64 {
        self.revisions
    }

    /// The lowest availability of a ticket at any revision of a window, or the first one below `enough` that is found,
    /// searched from the end. None if the ticket did not exist before the window.
    pub(super) fn least(&self, event: &Blob, kind: &Blob, from: Revision, until: Revision, enough: i64) -> Option<i64> {
        let ticket = self.events.get(event)?.iter().find(|ticket| ticket.kind == *kind)?;
        let end = ticket.history.partition_point(|(revision, _)| *revision <= until);
        let mut least = None;
        // A ticket that is sold out usually stays so: the last value decides immediately.
        for (revision, available) in ticket.history.get(..end)?.iter().rev() {
            least = Some(least.map_or(*available, |least: i64| least.min(*available)));
            if *available < enough || *revision <= from {
                return least;
            }
        }
        None
    }

    fn ticket(&mut self, event: &Blob, kind: &Blob) -> &mut Ticket {
        let tickets = self.events.entry(event.clone()).or_default();
        let index = tickets.iter().position(|ticket| ticket.kind == *kind).unwrap_or_else(|| {
            tickets.push(Ticket { kind: kind.clone(), current: None, in_shards: 0, history: Vec::new() });
            tickets.len() - 1
        });
        &mut tickets[index]
    }
}

impl Ticket {
    /// Records a change. Of several changes in one revision the last one counts.
    fn note(&mut self, revision: Revision) {
        let available = self.current.unwrap_or(0).saturating_add(self.in_shards);
        match self.history.last_mut() {
            Some((last, value)) if *last == revision => *value = available,
            Some((_, value)) if *value == available => {}
            _ => self.history.push((revision, available)),
        }
    }
}
