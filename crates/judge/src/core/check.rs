//! What a check is: a promise that is verified against the recorded history.
//!
//! A check observes and then finishes: the same code runs during the load and afterwards from the files.

use std::any::Any;
use std::path::Path;

use crate::core::anomaly_kind::AnomalyKind;
use crate::core::key_space::Versions;
use crate::core::pending_answers::ReplayedCall;
use crate::core::revision_log::{Disagreement, Irregularity, LogSummary};
use crate::core::verdict::Finding;
use ticketcd_history::call::{Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{MemberIndex, Nanos, Revision};

/// What a check is called, what it verifies, and what it can report: declared once, beside the check.
#[derive(Debug)]
pub struct CheckInfo {
    /// Its name, as in results: `oversell`.
    pub name: &'static str,
    /// What it verifies, in a sentence.
    pub promise: &'static str,
    /// Where the promise comes from: a paper, etcd's documentation, a rule of the shop.
    pub source: &'static str,
    /// Every kind of anomaly that it reports.
    pub kinds: &'static [&'static AnomalyKind],
    /// What its findings rest on.
    pub basis: Basis,
    /// Makes the view of each revision that it needs beside etcd's own ([`SequencedRevision::view`]). It is computed once for all
    /// checks, and all that name one name the same.
    pub view: Option<MakeView>,
    /// Whether it is cheap enough to run while the load runs.
    pub online: bool,
}

/// The basis of the findings of a check, and therefore what they can be a consequence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The deliveries of the collectors: its findings are root causes and never the consequence of another finding.
    Deliveries,
    /// The log of revisions that was merged from them.
    Log,
    /// The revisions of earlier responses: one that never existed makes every later one look old.
    EarlierResponses,
    /// The members' log files.
    MemberLogs,
}

/// A promise that is verified against the recorded history.
pub trait Check: Send {
    /// What it is called, what it verifies, and what it can report.
    fn info(&self) -> &'static CheckInfo;

    /// Takes in one observation. They come in the order described at [`Observation`].
    fn observe(&mut self, observation: &Observation<'_>);

    /// The first violation so far, in a sentence: polled during the load, to end a run at its first violation.
    fn alarm(&self) -> Option<String> {
        None
    }

    /// Whether the run did anything that the promise is about. If not, the check is left out of the verdict.
    fn applies(&self) -> bool {
        true
    }

    /// Whether it uses this kind of observation. It may receive it even if it does not.
    ///
    /// There are three observations for every operation, and most checks use only one of them.
    fn observes(&self, _kind: ObservationKind) -> bool {
        true
    }

    /// Whether it compares responses with the key space: [`Observation::Replayed`], and key spaces that are not empty. Keeping
    /// them costs time and memory, so they are kept only for checks that use them.
    fn replays(&self) -> bool {
        false
    }

    /// Gives the verdict. Without evidence it is unknown.
    fn finish(self: Box<Self>, end: &End<'_>) -> Finding;
}

/// Makes a view for a run.
pub type MakeView = fn(&RunInfo) -> Box<dyn View>;

/// Interprets each revision for a layer above etcd, such as the shop.
pub trait View: std::fmt::Debug + Send {
    /// Reads the events of the next revision. They come in the order of the log.
    fn read(&mut self, events: &[WatchEvent]) -> Viewed;
}

/// The result of a [`View`] for a revision.
pub type Viewed = Box<dyn Any + Send + Sync>;

/// A kind of observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservationKind {
    /// [`Observation::Event`] of a request or its response.
    Traffic,
    /// [`Observation::Event`] of anything else.
    Event,
    /// [`Observation::Call`].
    Call,
    /// [`Observation::Revision`].
    Revision,
    /// [`Observation::Replayed`].
    Replayed,
    /// [`Observation::Irregularity`] and [`Observation::Disagreement`].
    Delivery,
}

/// An input of a check.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'run> {
    /// An event, in the order it was recorded.
    Event(&'run Event),
    /// A call that ended: its request and its return. Calls that never ended come last, without a return.
    Call(&'run Invoke, Option<&'run Return>),
    /// A revision, each once and in order, as soon as one collector has delivered it.
    Revision(&'run SequencedRevision<'run>),
    /// A call with a response, for a second time, as soon as the log has reached the revision of the response. A call whose
    /// revision the unbroken log never reaches is omitted.
    Replayed(&'run ReplayedCall<'run>),
    /// A collector's delivery that is out of place in its own stream.
    Irregularity(&'run Irregularity),
    /// A collector's delivery of a revision that differs from an earlier delivery of it.
    Disagreement(&'run Disagreement),
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
            Self::Irregularity(_) | Self::Disagreement(_) => ObservationKind::Delivery,
        }
    }
}

/// A revision of the key space as the collectors delivered it.
#[derive(Debug)]
pub struct SequencedRevision<'run> {
    /// Which.
    pub revision: Revision,
    /// When it was first seen.
    pub at: Nanos,
    /// Its events.
    pub events: &'run [WatchEvent],
    /// The result of the [view](CheckInfo::view); none if no check uses one.
    pub view: Option<&'run (dyn Any + Send + Sync)>,
    /// Whether a revision before this one was delivered by no collector. A replay after such a gap is not evidence.
    pub after_hole: bool,
    /// The key space, including this revision, for checks that [replay](Check::replays). Check first whether it covers a
    /// revision.
    pub versions: &'run Versions,
}

/// What is known when the record ends.
#[derive(Clone, Copy, Debug)]
pub struct End<'run> {
    /// The description of the run.
    pub info: &'run RunInfo,
    /// The run directory, when there is one: member logs are read from it.
    pub directory: Option<&'run Path>,
    /// The faults, with when they were in force.
    pub faults: &'run [FaultWindow],
    /// A summary of the log of revisions.
    pub log: &'run LogSummary,
    /// The highest revision that a member had when it was audited; 0 when none was.
    pub audited: Revision,
    /// Whether the record has its last event: neither the run nor its files were truncated.
    pub complete: bool,
    /// The key space at the last revisions.
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
    /// Until when; `None` if the record does not show it.
    pub until: Option<Nanos>,
    /// Whether etcd promises to survive it.
    pub survivable: bool,
}

impl End<'_> {
    /// The last revision that can have existed. None if the record does not rule out later ones.
    pub fn last_that_existed(&self) -> Option<Revision> {
        let is_whole = self.complete && self.log.missing == 0 && self.audited > 0;
        let is_shown = is_whole && self.info.testbed.records_every_write() && self.faults.iter().all(|fault| fault.survivable);
        is_shown.then(|| self.log.unbroken_until.max(self.audited))
    }

    /// The faults in force at a time, in words.
    pub fn faults_at(&self, at: Nanos) -> Vec<String> {
        let in_force = |window: &&FaultWindow| window.from <= at && window.until.is_none_or(|until| at <= until);
        self.faults.iter().filter(in_force).map(|window| window.name.clone()).collect()
    }
}
