//! Watch: every watch receives all events of its range, once, in order, complete and unaltered.
//!
//! Source: etcd's API guarantees that a watch is *ordered*, *unique*, *reliable* (no part of the history is skipped), *atomic*
//! (a revision's events are never split over messages), *resumable*, and *bookmarkable* (after a progress notification for a
//! revision nothing at or below it is delivered). In addition, nothing below the requested start is delivered, previous values
//! and creations are correct, and a watch that starts below the compaction is cancelled.
//!
//! Each watch is compared with the merged log of the collectors, restricted to its range. A message is judged when the log has
//! reached its revisions. Completeness is required up to the last event or progress notification.
//!
//! A watch from "now" (start revision 0) has an unknown start: from etcd 3.4.38, 3.5.22 and 3.6.2 on, the header of `created`
//! is read after the watch was registered. The start is above every revision that the member is known to have reached when the
//! request was sent, and at most one above the header's revision. Revisions between may be delivered or not; once one of them
//! is delivered, everything after it must be, too.
//!
//! A watch that its owner closed is *stalled* if it lacks a matching event and the member had ten seconds to send it: the
//! watch was created and open for that long, the member's collector had received the event that long before, the client had
//! read the whole stream at the end of that time, and no fault was in force meanwhile. A missing cancellation is reported
//! after the same time. If such a watch shared its member with more unsynced watches than etcd processes, and compactions ran,
//! it is *starved*: that is a known defect of etcd.
//!
//! Revisions that the log has already forgotten when a watch opens are counted and not judged. A previous value may be missing
//! only if a compaction may have removed it.

mod client_watch;
mod compactions;
mod members;
#[cfg(test)]
mod tests;
mod unsynced;
mod watched_ranges;

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use client_watch::{ClientWatch, Counts, Message, Violation};
use compactions::Compactions;
use members::MemberRevisions;
use unsynced::Unsynced;
use watched_ranges::WatchedRanges;

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, FaultWindow, Observation};
use crate::core::key_space::Versions;
use crate::core::verdict::{Anomaly, Finding};
use crate::known_defects::KnownDefect;
use ticketcd_history::call::{CallOutcome, Invoke, Return};
use ticketcd_history::event::Event;
use ticketcd_history::request::{Request, prefix_end};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::watch::{WatchBatch, WatchBody, WatchClosed, WatchOpened, WatchRole};
use ticketcd_history::{MemberIndex, Nanos, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "watch",
    promise: "A watch receives every event of its range once, in order, whole and unaltered.",
    source: "etcd's API guarantees of watches",
    kinds: &[
        &MISSED_EVENT,
        &UNORDERED,
        &DUPLICATED_EVENT,
        &BOOKMARK_BROKEN,
        &BELOW_START,
        &SPLIT_REVISION,
        &WRONG_PREVIOUS,
        &PREVIOUS_MISSING_AT_CREATION,
        &ALTERED_EVENT,
        &STALLED,
        &STARVED,
        &RESUMED_ELSEWHERE,
        &COMPACTION_IGNORED,
    ],
    basis: Basis::Log,
    view: None,
    online: false,
};

pub(super) static MISSED_EVENT: AnomalyKind = AnomalyKind::new("missed_event", "A watch received a later event without this one.");
pub(super) static UNORDERED: AnomalyKind = AnomalyKind::new("unordered", "A watch received an event after a later one.");
pub(super) static DUPLICATED_EVENT: AnomalyKind = AnomalyKind::new("duplicated_event", "A watch received an event twice.");
pub(super) static BOOKMARK_BROKEN: AnomalyKind = AnomalyKind::new(
    "bookmark_broken",
    "A watch received a progress notification for a revision whose events it had not received, or an event below one.",
);
pub(super) static BELOW_START: AnomalyKind = AnomalyKind::new("below_start", "A watch received an event below its start revision.");
pub(super) static SPLIT_REVISION: AnomalyKind = AnomalyKind::new(
    "split_revision",
    "A watch received the events of one revision in more than one message, which were not marked as fragments.",
);
pub(super) static WRONG_PREVIOUS: AnomalyKind =
    AnomalyKind::new("wrong_previous", "A watch received a previous value that is not the one that was replaced.");
pub(super) static PREVIOUS_MISSING_AT_CREATION: AnomalyKind = AnomalyKind::new(
    "previous_missing_at_creation",
    "The first events of a watch lack the previous values that it requested: every release of etcd looks them up before it has registered that they are requested. A scenario can waive it as `etcd/prev-kv-at-creation`.",
);
pub(super) static ALTERED_EVENT: AnomalyKind =
    AnomalyKind::new("altered_event", "A watch received an event that differs from what was committed.");
pub(super) static STALLED: AnomalyKind =
    AnomalyKind::new("stalled", "An open watch received nothing although events of its range were committed.");
pub(super) static STARVED: AnomalyKind = AnomalyKind::new(
    "starved",
    "A watch from an old revision received nothing within its time, or was not cancelled, on a member that had more than 512 unsynced watches while compactions ran. This is etcd issue 22294, which affects every release. A scenario can waive it by that name.",
);
pub(super) static RESUMED_ELSEWHERE: AnomalyKind =
    AnomalyKind::new("resumed_elsewhere", "A watch was resumed after a revision that it had not received.");
pub(super) static COMPACTION_IGNORED: AnomalyKind =
    AnomalyKind::new("compaction_ignored", "A watch that starts below the compacted revision was not cancelled.");

/// How long a member may take, without a fault, to send what a watch must receive: nanoseconds.
const PATIENCE: Nanos = 10_000_000_000;

/// How often the position of a collector is noted: nanoseconds.
const NOTE_EVERY: Nanos = 200_000_000;

/// How long a progress request may remain without a response before it is considered ignored: nanoseconds.
const ANSWER_MAX: Nanos = 10_000_000_000;

/// A violation by something that was not received in time.
#[derive(Debug)]
struct Stall {
    kind: &'static AnomalyKind,
    /// When the time limit began, and when the violation was found.
    from: Nanos,
    at: Nanos,
    /// Whether it matches etcd issue 22294.
    is_starved: bool,
    anomaly: Anomaly,
}

/// The check.
#[derive(Debug, Default)]
pub struct Watch {
    /// The release of etcd, from `run.json`.
    version: String,
    watches: FxHashMap<u32, ClientWatch>,
    /// The open watches of each stream.
    streams: FxHashMap<u32, Vec<u32>>,
    /// Progress requests of each stream without a response yet. etcd ignores some of them.
    unanswered: FxHashMap<u32, VecDeque<Nanos>>,
    ranges: WatchedRanges,
    compactions: Compactions,
    revisions: MemberRevisions,
    unsynced: Unsynced,
    /// Watches with waiting messages that may be ready.
    listed: Vec<u32>,
    /// Watches whose next message waits for the log to reach a revision.
    held: BTreeMap<Revision, Vec<u32>>,
    newest: Revision,
    /// The members of the collectors, and the position of each over time.
    collectors: FxHashMap<u32, MemberIndex>,
    delivered: FxHashMap<MemberIndex, VecDeque<(Nanos, Revision)>>,
    opened: u64,
    resumed: u64,
    messages: u64,
    counts: Counts,
    compacted_starts: u64,
    /// Stalls that a fault may excuse: decided when all faults are known.
    stalls: Vec<Stall>,
    anomalies: Anomalies,
}

impl Check for Watch {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(event) => self.event(event),
            Observation::Call(invoke, Some(returned)) => self.answered(invoke, returned),
            Observation::Revision(sequenced) => {
                if sequenced.versions.covers(sequenced.revision) {
                    self.newest = sequenced.revision;
                    self.ranges.apply(sequenced.revision, sequenced.events, sequenced.versions);
                    self.release();
                    self.trim();
                }
                self.look(sequenced.versions);
            }
            Observation::Replayed(call) => self.look(call.versions),
            Observation::Call(_, None) | Observation::Irregularity(_) | Observation::Disagreement(_) => {}
        }
    }

    fn replays(&self) -> bool {
        true
    }

    fn applies(&self) -> bool {
        self.opened > 0
    }

    fn finish(mut self: Box<Self>, end: &End<'_>) -> Finding {
        self.look(end.versions);
        let unchecked: usize = self.watches.values().map(|watch| watch.waiting.len()).sum();
        for Stall { kind, from, at, is_starved, anomaly } in std::mem::take(&mut self.stalls) {
            if !end.faults.iter().any(|fault| in_force(fault, from, at)) {
                let kind = if is_starved && has_defect(&self.version, &STARVED) { &STARVED } else { kind };
                self.anomalies.add(kind, at, anomaly);
            }
        }
        let mut counts = self.counts;
        self.watches.values().for_each(|watch| add(&mut counts, watch.counts));
        let lacking = if counts.events + counts.bookmarks == 0 && self.compacted_starts == 0 {
            Some("No watch received anything that could be checked.".to_owned())
        } else if unchecked > 0 && end.info.testbed.records_every_write() {
            Some(format!("{unchecked} messages carry revisions that the unbroken log does not contain."))
        } else {
            None
        };
        let counts = evidence([
            ("watches", self.opened),
            ("resumed", self.resumed),
            ("messages", self.messages),
            ("events", counts.events),
            ("previous_values", counts.previous),
            ("bookmarks", counts.bookmarks),
            ("compacted_starts", self.compacted_starts),
            ("revisions_too_old", counts.too_old),
        ]);
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}

impl Watch {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        Self { version: info.etcd.version.clone(), ..Self::default() }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Invoke(invoke) => self.compactions.sent(invoke),
            Event::Member(event) => {
                self.compactions.restarted(event.member);
                self.revisions.restarted(event.member, event.at);
            }
            Event::WatchOpened(opened) if opened.role == WatchRole::Collector => {
                self.collectors.insert(opened.subscription, opened.member);
            }
            Event::WatchOpened(opened) => self.open(opened),
            Event::WatchBatch(batch) => match self.collectors.get(&batch.subscription) {
                Some(member) => self.collected(*member, batch),
                None => self.message(batch),
            },
            Event::ProgressRequested(asked) => self.unanswered.entry(asked.stream).or_default().push_back(asked.at),
            Event::StreamProgress(progress) => {
                if let Some(unanswered) = self.unanswered.get_mut(&progress.stream) {
                    unanswered.pop_front();
                }
                let watches = self.streams.get(&progress.stream).cloned().unwrap_or_default();
                for subscription in watches {
                    let Some(watch) = self.watches.get_mut(&subscription) else { continue };
                    // Progress responses come in the order of the requests, also before the watch is confirmed.
                    if watch.overtaken > 0 {
                        watch.overtaken -= 1;
                    } else if watch.created.is_some() {
                        watch.bookmarked(progress.revision);
                        self.unsynced.received(subscription, progress.revision, progress.at);
                        self.push(subscription, Message::Bookmark(progress.at, progress.revision));
                    }
                }
            }
            Event::WatchClosed(closed) => self.close(closed),
            _ => {}
        }
    }

    fn collected(&mut self, member: MemberIndex, batch: &WatchBatch) {
        match &batch.body {
            WatchBody::Events(events) => {
                let Some(revision) = events.last().map(|event| event.kv.mod_revision) else { return };
                self.revisions.note_delivery(member, batch.at, revision);
                let notes = self.delivered.entry(member).or_default();
                let (last, highest) = notes.back().copied().unwrap_or((0, 0));
                if revision > highest {
                    // The newest note is always kept; the one before it only when it is long enough after its predecessor.
                    let before = notes.len().checked_sub(2).and_then(|index| notes.get(index)).map(|(at, _)| *at);
                    if before.is_some_and(|before| last < before + NOTE_EVERY) {
                        notes.pop_back();
                    }
                    notes.push_back((batch.at, revision));
                    // Only deliveries of a while ago are looked up.
                    while notes.get(1).is_some_and(|(at, _)| at + 2 * PATIENCE < batch.at) {
                        notes.pop_front();
                    }
                }
            }
            WatchBody::Cancelled { compact_revision, .. } => self.compactions.reported(*compact_revision),
            WatchBody::Created | WatchBody::Progress => {}
        }
    }

    fn open(&mut self, opened: &WatchOpened) {
        self.opened += 1;
        let certain = self.compactions.certain(opened.member);
        let compacted = (opened.start_revision > 0 && opened.start_revision < certain).then_some(certain);
        self.compacted_starts += u64::from(compacted.is_some());
        let unanswered = self.unanswered.get(&opened.stream).into_iter().flatten();
        let overtaken = unanswered.filter(|asked| opened.at.saturating_sub(**asked) < ANSWER_MAX).count();
        let had = self.revisions.had(opened.member, opened.at);
        let newest = self.revisions.newest(opened.member);
        if (1..=newest).contains(&opened.start_revision) {
            self.unsynced.open(opened.subscription, opened.member, opened.stream, newest, opened.at);
        }
        let watch = ClientWatch::new(opened, compacted, overtaken, had);
        if let Some(before) = opened.resumes.and_then(|resumes| self.watches.get(&resumes)) {
            self.resumed += 1;
            if opened.start_revision > before.received + 1 {
                let what = format!(
                    "It resumes watch {}, which had received everything up to revision {}, at revision {}: the revisions between are skipped.",
                    before.subscription, before.received, opened.start_revision
                );
                let violation = Violation { kind: &RESUMED_ELSEWHERE, at: opened.at, revision: opened.start_revision, key: None, what };
                let anomaly = anomaly(&watch, &violation);
                self.anomalies.add(violation.kind, violation.at, anomaly);
            }
        }
        self.streams.entry(opened.stream).or_default().push(opened.subscription);
        self.watches.insert(opened.subscription, watch);
    }

    fn message(&mut self, batch: &WatchBatch) {
        self.messages += 1;
        let possible = self.compactions.possible();
        let Some(watch) = self.watches.get_mut(&batch.subscription) else { return };
        let message = match &batch.body {
            WatchBody::Created => {
                self.revisions.note(watch.member, batch.at, batch.revision);
                return watch.create(batch.at, batch.revision);
            }
            WatchBody::Events(events) => {
                let last = events.iter().map(|event| event.kv.mod_revision).max().unwrap_or(0);
                watch.delivered(last);
                self.revisions.note_delivery(watch.member, batch.at, last);
                self.unsynced.received(batch.subscription, last, batch.at);
                if let Some(compacted) = watch.compacted.take() {
                    let what = format!(
                        "It received revision {last} instead of being cancelled, although it starts at revision {}, below the compacted revision {compacted} of the member.",
                        watch.start
                    );
                    let violation = Violation { kind: &COMPACTION_IGNORED, at: batch.at, revision: watch.start, key: None, what };
                    let anomaly = anomaly(watch, &violation);
                    self.anomalies.add(violation.kind, violation.at, anomaly);
                }
                Message::Events(batch.at, events.clone(), possible)
            }
            WatchBody::Progress => {
                watch.bookmarked(batch.revision);
                self.unsynced.received(batch.subscription, batch.revision, batch.at);
                Message::Bookmark(batch.at, batch.revision)
            }
            WatchBody::Cancelled { compact_revision, .. } => {
                watch.cancelled = true;
                watch.compacted = None;
                let stream = watch.stream;
                self.compactions.reported(*compact_revision);
                if *compact_revision > 0 {
                    self.unsynced.cancelled(batch.subscription, batch.at);
                }
                self.leave_stream(batch.subscription, stream, batch.at);
                Message::Broken
            }
        };
        self.push(batch.subscription, message);
    }

    fn close(&mut self, closed: &WatchClosed) {
        self.unsynced.closed(closed.subscription, closed.at);
        let Some((member, stream)) = self.watches.get(&closed.subscription).map(|watch| (watch.member, watch.stream)) else { return };
        self.leave_stream(closed.subscription, stream, closed.at);
        if !closed.is_intended() {
            self.unsynced.stream_ended(stream, closed.at);
        }
        let Some(watch) = self.watches.get_mut(&closed.subscription) else { return };
        // A message that waits unread at the client is not late: the time limit ends with the last read.
        let until = closed.read_until.min(closed.at);
        let had_time = watch.created.is_some_and(|created| until.saturating_sub(created) > PATIENCE);
        let message = match watch.compacted {
            _ if !closed.is_intended() || watch.cancelled => Message::Broken,
            Some(compacted) if had_time => {
                let what = format!(
                    "It had been open for {:.0} s and was not cancelled, although it starts at revision {}, below the compacted revision {compacted} of the member.",
                    seconds(until - watch.opened),
                    watch.start
                );
                let violation = Violation { kind: &COMPACTION_IGNORED, at: closed.at, revision: watch.start, key: None, what };
                let stall = Self::stall(&self.unsynced, &self.compactions, watch, &violation, until);
                self.stalls.push(stall);
                Message::Broken
            }
            None if had_time => {
                let long_ago = until.saturating_sub(PATIENCE);
                let notes = self.delivered.get(&member);
                let note = notes.and_then(|notes| notes.iter().rev().find(|(at, _)| *at <= long_ago));
                let owed = note.map_or(0, |(_, revision)| *revision);
                Message::Closed { at: closed.at, read_until: until, owed }
            }
            _ => Message::Closed { at: closed.at, read_until: until, owed: 0 },
        };
        self.push(closed.subscription, message);
    }

    /// Removes a watch from its stream. The client closes a stream without watches.
    fn leave_stream(&mut self, subscription: u32, stream: u32, at: Nanos) {
        if let Some(watches) = self.streams.get_mut(&stream) {
            watches.retain(|other| *other != subscription);
            if watches.is_empty() {
                self.unsynced.stream_ended(stream, at);
            }
        }
    }

    fn answered(&mut self, invoke: &Invoke, returned: &Return) {
        self.compactions.answered(invoke, returned);
        // The header of every response carries the revision of the member that sent it.
        if let CallOutcome::Ok(answer) = &returned.outcome
            && matches!(invoke.request, Request::Range(_) | Request::Put(_) | Request::Delete(_) | Request::Txn(_))
        {
            self.revisions.note(invoke.member, returned.done, answer.revision);
        }
    }

    fn stall(unsynced: &Unsynced, compactions: &Compactions, watch: &ClientWatch, violation: &Violation, read_until: Nanos) -> Stall {
        // A watch that was synced when it was created is not among the unsynced ones.
        let began_behind = watch.start > 0;
        let is_starved = began_behind && compactions.possible() > 0 && unsynced.was_crowded(watch.member, watch.opened);
        let from = read_until.saturating_sub(PATIENCE);
        Stall { kind: violation.kind, from, at: violation.at, is_starved, anomaly: anomaly(watch, violation) }
    }

    fn push(&mut self, subscription: u32, message: Message) {
        let Some(watch) = self.watches.get_mut(&subscription) else { return };
        watch.waiting.push_back(message);
        if !watch.is_listed {
            watch.is_listed = true;
            self.listed.push(subscription);
        }
    }

    /// Lists the watches whose next message the log has reached.
    fn release(&mut self) {
        while let Some(first) = self.held.first_entry().filter(|first| *first.key() <= self.newest) {
            self.listed.extend(first.remove());
        }
    }

    /// Judges the waiting messages that the log has reached.
    fn look(&mut self, versions: &Versions) {
        let mut violations = Vec::new();
        for subscription in std::mem::take(&mut self.listed) {
            let Some(watch) = self.watches.get_mut(&subscription) else { continue };
            let index = *watch.range.get_or_insert_with(|| self.ranges.of(&watch.key, &watch.end, versions));
            let Some(range) = self.ranges.get(index) else { continue };
            watch.is_listed = false;
            while let Some(message) = watch.waiting.front() {
                let needs = message.needs();
                if needs > self.newest {
                    watch.is_listed = true;
                    self.held.entry(needs).or_default().push(subscription);
                    break;
                }
                let Some(message) = watch.waiting.pop_front() else { break };
                watch.take(message, range, &mut violations);
            }
            for violation in violations.drain(..) {
                let anomaly = anomaly(watch, &violation);
                if *violation.kind == STALLED {
                    let until = watch.read_until;
                    self.stalls.push(Self::stall(&self.unsynced, &self.compactions, watch, &violation, until));
                } else if *violation.kind == PREVIOUS_MISSING_AT_CREATION && !has_defect(&self.version, violation.kind) {
                    self.anomalies.add(&WRONG_PREVIOUS, violation.at, anomaly);
                } else {
                    self.anomalies.add(violation.kind, violation.at, anomaly);
                }
            }
        }
    }

    fn trim(&mut self) {
        if self.newest % 16_384 == 0 {
            let mut needed: FxHashMap<usize, Revision> = FxHashMap::default();
            for watch in self.watches.values() {
                let is_open = self.streams.get(&watch.stream).is_some_and(|watches| watches.contains(&watch.subscription));
                if let (Some(range), true) = (watch.range, is_open || !watch.waiting.is_empty()) {
                    let from = watch.next.unwrap_or(self.newest);
                    needed.entry(range).and_modify(|needed| *needed = from.min(*needed)).or_insert(from);
                }
            }
            self.ranges.trim(|range| needed.get(&range).copied().unwrap_or(Revision::MAX));
        }
    }
}

fn in_force(fault: &FaultWindow, from: Nanos, until: Nanos) -> bool {
    fault.from <= until && fault.until.is_none_or(|end| end >= from)
}

fn add(sum: &mut Counts, counts: Counts) {
    sum.events += counts.events;
    sum.bookmarks += counts.bookmarks;
    sum.previous += counts.previous;
    sum.too_old += counts.too_old;
}

/// Whether a release has the defect that anomalies of this kind indicate.
fn has_defect(version: &str, kind: &AnomalyKind) -> bool {
    KnownDefect::of(CHECK.name, kind.name).is_some_and(|defect| defect.is_in(version))
}

/// The violation as a sentence that begins with its time.
fn at_its_moment(violation: &Violation) -> String {
    let mut letters = violation.what.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase()).into_iter();
    format!("At {:.3} s {}", seconds(violation.at), first.chain(letters).collect::<String>())
}

fn anomaly(watch: &ClientWatch, violation: &Violation) -> Anomaly {
    let range = match watch.end.is_empty() {
        true => watch.key.to_text(),
        false if watch.key.as_bytes() == [0] && watch.end.as_bytes() == [0] => "all keys".to_owned(),
        false if watch.end == prefix_end(watch.key.as_bytes()) => format!("all keys with the prefix {}", watch.key.to_text()),
        false => format!("the keys from {} to {}", watch.key.to_text(), watch.end.to_text()),
    };
    let start = if watch.start > 0 { format!("revision {}", watch.start) } else { "now".to_owned() };
    let who = format!(
        "At {:.3} s watch {} was opened at {} on {range}, from {start} on.",
        seconds(watch.opened),
        watch.subscription,
        watch.member.name()
    );
    Anomaly {
        explanation: vec![who, at_its_moment(violation)],
        severity: 1,
        revision: Some(violation.revision),
        keys: violation.key.iter().map(|key| key.to_text()).collect(),
        members: vec![watch.member.name()],
        ..Anomaly::default()
    }
}
