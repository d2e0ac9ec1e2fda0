//! What the judge itself follows: the log of revisions, the shop after each of them, collectors, members that disagree, faults.

use std::ops::Range;

use crate::core::check::{Changes, SequencedRevision, ShopChange};
use crate::core::collectors::Collectors;
use crate::core::divergence::Divergence;
use crate::core::faults::FaultTimeline;
use crate::core::key_space::Versions;
use crate::core::revision_log::{Place, RevisionLog};
use crate::core::shop_replay::ShopReplay;
use crate::model::Keyspace;
use ticketcd_history::audit::AuditClosed;
use ticketcd_history::call::{CallOutcome, Return};
use ticketcd_history::event::Event;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchEvent, WatchRole};
use ticketcd_history::{Nanos, Revision};

/// What the judge itself follows.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) log: RevisionLog,
    pub(super) divergence: Divergence,
    pub(super) collectors: Collectors,
    pub(super) faults: FaultTimeline,
    pub(super) complete: bool,
    replay: ShopReplay,
    /// The highest revision that the cluster is known to have reached.
    reached: Revision,
    /// The highest revision that a member had when it was audited.
    pub(super) audited: Revision,
}

/// A revision whose turn has come.
#[derive(Debug)]
pub(super) struct Turn {
    revision: Revision,
    at: Nanos,
    events: TurnEvents,
    changes: Vec<ShopChange>,
    missing_before: u64,
    after_hole: bool,
}

/// The events of a revision.
#[derive(Debug)]
enum TurnEvents {
    /// A part of what the event that brought the turn about has.
    Within(Range<usize>),
    /// They had to wait.
    Held(Vec<WatchEvent>),
}

impl Turn {
    /// Which revision.
    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// The revisions directly before it that no collector delivered.
    pub(super) fn missing_before(&self) -> u64 {
        self.missing_before
    }

    /// Its events. `cause` is the event that brought the turn about.
    pub(super) fn events<'run>(&'run self, cause: Option<&'run Event>) -> &'run [WatchEvent] {
        match (&self.events, cause) {
            (TurnEvents::Held(events), _) => events.as_slice(),
            (TurnEvents::Within(range), Some(Event::WatchBatch(WatchBatch { body: WatchBody::Events(events), .. }))) => {
                events.get(range.clone()).unwrap_or_default()
            }
            (TurnEvents::Within(_), _) => &[],
        }
    }

    /// The revision as checks see it, in a key space that has it already.
    pub(super) fn sequenced<'run>(&'run self, cause: Option<&'run Event>, versions: &'run Versions) -> SequencedRevision<'run> {
        let Self { revision, at, after_hole, .. } = *self;
        SequencedRevision { revision, at, events: self.events(cause), changes: Changes(&self.changes), after_hole, versions }
    }
}

impl Core {
    pub(super) fn new(keys: Keyspace) -> Self {
        Self {
            log: RevisionLog::default(),
            divergence: Divergence::default(),
            collectors: Collectors::default(),
            faults: FaultTimeline::default(),
            complete: false,
            replay: ShopReplay::new(keys),
            reached: 0,
            audited: 0,
        }
    }

    /// What an event that is no call means: the revisions whose turn it brings about are added to `turns`.
    pub(super) fn follow(&mut self, event: &Event, turns: &mut Vec<Turn>) {
        match event {
            Event::WatchOpened(opened) => {
                self.log.open(opened);
                if opened.role == WatchRole::Collector {
                    self.collectors.opened();
                }
            }
            Event::WatchBatch(batch) if self.log.is_collector(batch) => self.collect(batch, turns),
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

    /// The record ends: the revisions that were still waiting.
    pub(super) fn end(&mut self) -> Vec<Turn> {
        let mut turns = Vec::new();
        self.log.last_disagreements().iter().for_each(|disagreement| self.divergence.add(disagreement));
        self.pass_on_held(true, &mut turns);
        // A cluster of ours has no other writers: whatever it is known to have reached must have been delivered.
        self.log.end_at(self.reached);
        turns
    }

    fn collect(&mut self, batch: &WatchBatch, turns: &mut Vec<Turn>) {
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
            self.collectors.delivered();
            if let Some(irregularity) = &offer.irregularity {
                self.collectors.add(irregularity);
            }
            if let Some(disagreement) = &offer.disagreement {
                self.divergence.add(disagreement);
            }
            if offer.place == Place::Next {
                let changes = self.replay.apply(events);
                let events = TurnEvents::Within(begin..end);
                let after_hole = self.log.missing() > 0;
                turns.push(Turn { revision, at: batch.at, events, changes, missing_before: 0, after_hole });
            }
            self.pass_on_held(false, turns);
        }
    }

    fn pass_on_held(&mut self, record_ends: bool, turns: &mut Vec<Turn>) {
        while let Some(held) = self.log.next_held(record_ends) {
            let changes = self.replay.apply(&held.events);
            let (revision, at, missing_before) = (held.revision, held.at, held.missing_before);
            let after_hole = self.log.missing() > 0;
            turns.push(Turn { revision, at, events: TurnEvents::Held(held.events), changes, missing_before, after_hole });
        }
    }
}
