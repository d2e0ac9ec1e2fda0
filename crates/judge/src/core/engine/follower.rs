//! Follows a record: merges the log of revisions, and tracks the faults and the highest revision that the cluster is known to have reached.

use super::derived::{Derived, EntryEvents, LogEntry};
use crate::core::check::View;
use crate::core::faults::FaultTimeline;
use crate::core::revision_log::{Offer, Placement, RevisionLog};
use ticketcd_history::Revision;
use ticketcd_history::audit::AuditClosed;
use ticketcd_history::call::{CallOutcome, Return};
use ticketcd_history::event::Event;
use ticketcd_history::watch::{WatchBatch, WatchBody};

/// What is known of a record so far.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) log: RevisionLog,
    pub(super) faults: FaultTimeline,
    /// Whether the record has its last event.
    pub(super) complete: bool,
    /// The view of a revision beside its events.
    view: Option<Box<dyn View>>,
    /// The highest revision that the cluster is known to have reached.
    reached: Revision,
    /// The highest revision that a member had when it was audited.
    pub(super) audited: Revision,
}

impl Follower {
    pub(super) fn new(view: Option<Box<dyn View>>) -> Self {
        Self { log: RevisionLog::default(), faults: FaultTimeline::default(), complete: false, view, reached: 0, audited: 0 }
    }

    /// Processes an event that is not a call, and adds what it implies to `derived`.
    pub(super) fn follow(&mut self, event: &Event, derived: &mut Vec<Derived>) {
        match event {
            Event::WatchOpened(opened) => self.log.open(opened),
            Event::WatchBatch(batch) if self.log.is_collector(batch) => self.collect(batch, derived),
            Event::Fault(fault) => self.faults.observe(fault),
            Event::AuditClosed(AuditClosed { outcome: Ok(facts), .. }) => {
                self.audited = self.audited.max(facts.after.revision);
                self.reached = self.reached.max(self.audited);
            }
            Event::Ended(_) => self.complete = true,
            _ => {}
        }
    }

    /// An acknowledged write proves that its revision was reached.
    pub(super) fn note_revision(&mut self, returned: &Return) {
        if let CallOutcome::Ok(answer) = &returned.outcome
            && answer.wrote()
        {
            self.reached = self.reached.max(answer.revision);
        }
    }

    /// The record ends: the revisions that were still held back.
    pub(super) fn end(&mut self) -> Vec<Derived> {
        let mut derived: Vec<Derived> = self.log.last_disagreements().into_iter().map(Box::new).map(Derived::Disagreement).collect();
        self.pass_on_held(true, &mut derived);
        // A cluster that the run started has no other writers: every revision that it is known to have reached must have been delivered.
        self.log.end_at(self.reached);
        derived
    }

    fn collect(&mut self, batch: &WatchBatch, derived: &mut Vec<Derived>) {
        let WatchBody::Events(events) = &batch.body else {
            self.log.note(batch);
            return;
        };
        let mut end = 0;
        for events in events.chunk_by(|one, next| one.kv.mod_revision == next.kv.mod_revision) {
            let begin = end;
            end += events.len();
            let Some(revision) = events.first().map(|event| event.kv.mod_revision) else { continue };
            let Some(offer) = self.log.offer(batch.subscription, batch.at, revision, events) else { continue };
            let Offer { placement, irregularity, disagreement } = offer;
            derived.extend(irregularity.map(Derived::Irregularity));
            derived.extend(disagreement.map(Box::new).map(Derived::Disagreement));
            if placement == Placement::Next {
                let view = self.view.as_mut().map(|view| view.read(events));
                let (events, after_hole) = (EntryEvents::Within(begin..end), self.log.has_hole());
                derived.push(Derived::Revision(Box::new(LogEntry { revision, at: batch.at, events, view, missing_before: 0, after_hole })));
            }
            self.pass_on_held(false, derived);
        }
    }

    fn pass_on_held(&mut self, record_ends: bool, derived: &mut Vec<Derived>) {
        while let Some(held) = self.log.next_held(record_ends) {
            let view = self.view.as_mut().map(|view| view.read(&held.events));
            let (revision, at, missing_before) = (held.revision, held.at, held.missing_before);
            let (events, after_hole) = (EntryEvents::Held(held.events), self.log.has_hole());
            derived.push(Derived::Revision(Box::new(LogEntry { revision, at, events, view, missing_before, after_hole })));
        }
    }
}
