//! What a check is: a promise that is held against what was recorded.
//!
//! A check observes and then finishes: the same code while the load runs and afterwards from the files.

use std::path::Path;

use crate::core::key_space::Versions;
use crate::core::pending_answers::ReplayedCall;
use crate::core::verdict::Finding;
use crate::model::Keyspace;
use crate::model::records::{EventRecord, HoldRecord, Purchase, Ticket};
use ticketcd_history::call::{Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision};

/// A promise, held against what was recorded.
pub trait Check: Send {
    /// Its name, as in results: `oversell`.
    fn name(&self) -> &'static str;

    /// Takes in one observation. They come in the order described at [`Observation`].
    fn observe(&mut self, observation: &Observation<'_>);

    /// What is wrong so far, in a sentence: asked while the load runs, to end a run at its first violation.
    fn alarm(&self) -> Option<String> {
        None
    }

    /// Whether the run did anything that the promise is about. One that was never called upon is neither kept nor broken nor
    /// in doubt: it is left out of the verdict.
    fn applies(&self) -> bool {
        true
    }

    /// Whether it wants to be shown this kind of observation. It may be shown it all the same.
    ///
    /// There are three observations for every operation, and most checks have no use for two of them.
    fn wants(&self, _kind: ObservationKind) -> bool {
        true
    }

    /// Whether it wants answers held against the key space: [`Observation::Replayed`], and key spaces that are not empty.
    /// Keeping them costs time and memory, so they are kept for those who ask.
    fn replays(&self) -> bool {
        false
    }

    /// Gives the verdict. Without evidence it is unknown.
    fn finish(self: Box<Self>, end: &End<'_>) -> Finding;
}

/// A kind of observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservationKind {
    /// [`Observation::Event`] of a request or of what came back.
    Traffic,
    /// [`Observation::Event`] of anything else.
    Event,
    /// [`Observation::Call`].
    Call,
    /// [`Observation::Revision`].
    Revision,
    /// [`Observation::Replayed`].
    Replayed,
}

/// Something a check may want to know.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'run> {
    /// An event, in the order it was recorded.
    Event(&'run Event),
    /// A call that ended: its request and what came back. Calls that never ended come last, without a return.
    Call(&'run Invoke, Option<&'run Return>),
    /// A revision, each once and in order, as soon as one collector has delivered it.
    Revision(&'run SequencedRevision<'run>),
    /// A call that was answered, once more, as soon as the log has reached the revision its answer names. A call whose
    /// revision the unbroken log never reaches is not shown.
    Replayed(&'run ReplayedCall<'run>),
}

impl Observation<'_> {
    /// Its kind.
    pub fn kind(&self) -> ObservationKind {
        match self {
            Self::Event(Event::Invoke(_) | Event::Return(_)) => ObservationKind::Traffic,
            Self::Event(_) => ObservationKind::Event,
            Self::Call(..) => ObservationKind::Call,
            Self::Revision(_) => ObservationKind::Revision,
            Self::Replayed(_) => ObservationKind::Replayed,
        }
    }
}

/// A revision of the key space as the collectors delivered it, taken apart into what it changed in the shop.
#[derive(Debug)]
pub struct SequencedRevision<'run> {
    /// Which.
    pub revision: Revision,
    /// When it was first seen.
    pub at: Nanos,
    /// Its events.
    pub events: &'run [WatchEvent],
    /// What it changed in the shop, one change an event.
    pub changes: Changes<'run>,
    /// Whether a revision before this one was delivered by no collector. What a replay says after a hole is not evidence.
    pub after_hole: bool,
    /// The key space, this revision included, for checks that [ask for it](Check::replays). Ask first whether it covers a
    /// revision.
    pub versions: &'run Versions,
}

/// The changes of a revision, in the order of its events.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'run>(pub &'run [ShopChange]);

impl std::ops::Deref for Changes<'_> {
    type Target = [ShopChange];

    fn deref(&self) -> &[ShopChange] {
        self.0
    }
}

impl<'run> IntoIterator for &Changes<'run> {
    type Item = &'run ShopChange;
    type IntoIter = std::slice::Iter<'run, ShopChange>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A change of one key of the shop. `before` is what the replay had; `after` is `None` when the key was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShopChange {
    /// A ticket.
    Ticket {
        /// The event's id.
        event: Blob,
        /// The type.
        kind: Blob,
        /// As it was.
        before: Option<Ticket>,
        /// As it is.
        after: Option<Ticket>,
    },
    /// An event.
    Event {
        /// The event's id.
        event: Blob,
        /// As it was.
        before: Option<EventRecord>,
        /// As it is.
        after: Option<EventRecord>,
    },
    /// The purchases of one user for one event.
    Purchases {
        /// The user.
        user: Blob,
        /// The event's id.
        event: Blob,
        /// Elements that were not there before.
        added: Vec<Purchase>,
        /// Elements that are there no more.
        removed: Vec<Purchase>,
    },
    /// A reservation.
    Hold {
        /// The event's id.
        event: Blob,
        /// The order's id.
        order: Blob,
        /// As it was.
        before: Option<HoldRecord>,
        /// As it is.
        after: Option<HoldRecord>,
    },
    /// The key that carries the lease of a reservation.
    HoldAlive {
        /// The event's id.
        event: Blob,
        /// The order's id.
        order: Blob,
        /// Whether it is there now.
        alive: bool,
        /// The lease it is attached to; 0 when it is gone.
        lease: i64,
    },
    /// A part of a ticket's stock.
    Shard {
        /// The event's id.
        event: Blob,
        /// The type.
        kind: Blob,
        /// Which part.
        number: u32,
        /// What it held; none when it did not exist.
        before: Option<i64>,
        /// What it holds; none when it was removed.
        after: Option<i64>,
    },
    /// A key of a lock.
    Lock {
        /// The lock's name and the lease, as etcd writes them: `{event}/{lease}`.
        name: Blob,
        /// Whether it is there now.
        held: bool,
        /// The lease it is attached to; 0 when it is gone.
        lease: i64,
    },
    /// A key of the shop whose value cannot be read.
    Malformed {
        /// The key.
        key: Blob,
        /// What is wrong with it.
        error: String,
    },
    /// Any other key.
    Other,
}

/// The kind of an answer that names a revision that never existed. Whatever is answered later looks old beside it.
pub(crate) const BEYOND_WHAT_EXISTS: &str = "beyond_what_exists";

/// What is known when the record ends.
#[derive(Clone, Copy, Debug)]
pub struct End<'run> {
    /// What the record is of.
    pub info: &'run RunInfo,
    /// The shop's keys.
    pub keys: &'run Keyspace,
    /// The run directory, when there is one: member logs are read from it.
    pub directory: Option<&'run Path>,
    /// The faults, with when they were in force.
    pub faults: &'run [FaultWindow],
    /// The last revision of the unbroken log; 0 when there is none.
    pub last_revision: Revision,
    /// Revisions that no collector delivered.
    pub missing_revisions: u64,
    /// The highest revision that a member had when it was audited; 0 when none was.
    pub audited: Revision,
    /// Whether members delivered different content for one revision: the root cause of whatever else is found.
    pub diverged: bool,
    /// Whether the record has its last event: neither the harness nor its files were cut off.
    pub complete: bool,
    /// The key space as it was at the last revisions.
    pub versions: &'run Versions,
}

/// A fault and when it was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultWindow {
    /// Its position in the plan.
    pub fault: u32,
    /// `kill`, …
    pub kind: String,
    /// In words: `kill of m2 (leader)`.
    pub name: String,
    /// The members it hit.
    pub members: Vec<MemberIndex>,
    /// From when.
    pub from: Nanos,
    /// Until when; `None` when the record does not say.
    pub until: Option<Nanos>,
    /// Whether etcd promises to survive it.
    pub survivable: bool,
}

/// Why a revision that an answer names is one of which no state existed, in a sentence.
pub(crate) fn never_existed(last: Revision) -> String {
    format!("The last revision of the log and of every audited member is {last}: no such state ever existed.")
}

impl End<'_> {
    /// The last revision that can have existed. None where the record does not show that there were no others.
    pub fn last_that_existed(&self) -> Option<Revision> {
        let is_whole = self.complete && self.missing_revisions == 0 && self.audited > 0;
        let is_shown = is_whole && self.info.testbed.records_every_write() && self.faults.iter().all(|fault| fault.survivable);
        is_shown.then(|| self.last_revision.max(self.audited))
    }

    /// The faults that were in force at a moment, in words.
    pub fn faults_at(&self, at: Nanos) -> Vec<String> {
        let in_force = |window: &&FaultWindow| window.from <= at && window.until.is_none_or(|until| at <= until);
        self.faults.iter().filter(in_force).map(|window| window.name.clone()).collect()
    }
}
