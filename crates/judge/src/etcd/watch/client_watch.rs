//! One subscription: its request, what it received, and the violations in that.

use std::collections::{BTreeSet, VecDeque};

use super::watched_ranges::{Change, Previous, WatchedRange, event_hash, kv_hash};
use super::{
    ALTERED_EVENT, BELOW_START, BOOKMARK_BROKEN, DUPLICATED_EVENT, MISSED_EVENT, PREVIOUS_MISSING_AT_CREATION, SPLIT_REVISION, STALLED,
    UNORDERED, WRONG_PREVIOUS,
};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::excerpt::excerpt;
use ticketcd_history::watch::{WatchEvent, WatchOpened};
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision};

/// How long after the confirmation a message may arrive that etcd had prepared before it: nanoseconds.
const RIGHT_BEHIND: Nanos = 100_000_000;

/// Skipped revisions that are remembered, because they may still come late.
const MISSED_MAX: usize = 4_096;

/// A watch that is being judged.
#[derive(Debug)]
pub(super) struct ClientWatch {
    pub(super) subscription: u32,
    pub(super) stream: u32,
    pub(super) member: MemberIndex,
    pub(super) key: Blob,
    pub(super) end: Blob,
    pub(super) start: Revision,
    pub(super) opened: Nanos,
    pub(super) previous_requested: bool,
    /// The compacted revision of its member, if that is known to be above its start: then it must be cancelled.
    pub(super) compacted: Option<Revision>,
    pub(super) cancelled: bool,
    /// When the member confirmed it; none before.
    pub(super) created: Option<Nanos>,
    /// Until when its stream was read, once it is closed.
    pub(super) read_until: Nanos,
    /// Progress responses of its stream that may precede it: the number of outstanding progress requests when it was opened.
    /// etcd sends the confirmation of a watch and progress responses on different paths, and either may come first.
    pub(super) overtaken: usize,
    /// Messages that wait for the log, in order.
    pub(super) waiting: VecDeque<Message>,
    /// Whether it is in the list of watches with waiting messages.
    pub(super) is_listed: bool,
    /// The revision up to which it received everything, as its owner counts: it resumes after this.
    pub(super) received: Revision,
    pub(super) range: Option<usize>,
    /// Whether it has received a previous value.
    has_previous: bool,
    /// Whether the current message may lack previous values because of a known defect of etcd.
    is_unprepared: bool,
    /// Whether `received` is only the revision of the `created` header: a watch from "now" that has received nothing yet.
    is_start_unknown: bool,
    /// The first revision that it may receive. For a watch from "now": the one above what its member was known to have reached
    /// when it was opened.
    lowest: Revision,
    /// The first revision that it must receive; none for a watch from "now" that was not created yet.
    first: Option<Revision>,
    /// Everything before this revision was received or missed; none until its start is known.
    pub(super) next: Option<Revision>,
    last_event: Revision,
    bookmark: Revision,
    partial: Option<Partial>,
    missed: BTreeSet<Revision>,
    pub(super) counts: Counts,
}

/// A message, or the end.
#[derive(Debug)]
pub(super) enum Message {
    /// Events, and the highest revision whose compaction had been requested by then.
    Events(Nanos, Vec<WatchEvent>, Revision),
    /// A progress notification: everything up to the revision was sent.
    Bookmark(Nanos, Revision),
    /// Its owner closed it. The member's collector had delivered everything up to the revision `owed` long before.
    Closed { at: Nanos, read_until: Nanos, owed: Revision },
    /// Its stream broke, or the member cancelled it.
    Broken,
}

/// How much a watch received.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) bookmarks: u64,
    pub(super) previous: u64,
    pub(super) too_old: u64,
}

/// A revision of which only some events were received.
#[derive(Debug)]
struct Partial {
    revision: Revision,
    at: Nanos,
    missing: Vec<Change>,
}

/// A violated guarantee.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) kind: &'static AnomalyKind,
    pub(super) at: Nanos,
    pub(super) revision: Revision,
    pub(super) key: Option<Blob>,
    /// In words, as a sentence.
    pub(super) what: String,
}

impl Message {
    /// The revision that the log must have reached.
    pub(super) fn needs(&self) -> Revision {
        match self {
            Self::Events(_, events, _) => events.iter().map(|event| event.kv.mod_revision).max().unwrap_or(0),
            Self::Bookmark(_, revision) | Self::Closed { owed: revision, .. } => *revision,
            Self::Broken => 0,
        }
    }
}

impl ClientWatch {
    /// `had` is the revision that its member is known to have reached when the request was sent.
    pub(super) fn new(opened: &WatchOpened, compacted: Option<Revision>, overtaken: usize, had: Revision) -> Self {
        Self {
            subscription: opened.subscription,
            stream: opened.stream,
            member: opened.member,
            key: opened.key.clone(),
            end: opened.range_end.clone(),
            start: opened.start_revision,
            opened: opened.at,
            previous_requested: opened.options.previous,
            compacted,
            cancelled: false,
            created: None,
            read_until: 0,
            overtaken,
            waiting: VecDeque::new(),
            is_listed: false,
            received: (opened.start_revision - 1).max(0),
            range: None,
            has_previous: false,
            is_unprepared: false,
            is_start_unknown: opened.start_revision == 0,
            lowest: if opened.start_revision > 0 { opened.start_revision } else { had + 1 },
            first: (opened.start_revision > 0).then_some(opened.start_revision),
            next: None,
            last_event: 0,
            bookmark: 0,
            partial: None,
            missed: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    /// The member confirmed it, with its header's revision: a watch from "now" must deliver everything above that.
    pub(super) fn create(&mut self, at: Nanos, revision: Revision) {
        self.created.get_or_insert(at);
        if self.first.is_none() {
            self.first = Some(revision + 1);
            self.received = revision;
        }
    }

    /// It received an event of this revision, and therefore everything from its start up to it.
    pub(super) fn delivered(&mut self, revision: Revision) {
        self.received = if self.is_start_unknown { revision } else { revision.max(self.received) };
        self.is_start_unknown = false;
    }

    /// A progress notification: it received everything up to the revision.
    pub(super) fn bookmarked(&mut self, revision: Revision) {
        self.received = revision.max(self.received);
        self.is_start_unknown = false;
    }

    /// Processes the next message, now that the log has reached it.
    pub(super) fn take(&mut self, message: Message, range: &WatchedRange, violations: &mut Vec<Violation>) {
        self.next = self.next.or(self.first).map(|next| next.max(range.known_from));
        match message {
            Message::Events(at, events, compacted) => {
                // etcd holds such messages back until the watch is confirmed, and sends them directly afterwards.
                self.has_previous |= events.iter().any(|event| event.previous.is_some());
                self.is_unprepared = !self.has_previous && self.created.is_some_and(|created| at < created + RIGHT_BEHIND);
                let mut last = 0;
                for group in events.chunk_by(|one, next| one.kv.mod_revision == next.kv.mod_revision) {
                    let Some(revision) = group.first().map(|event| event.kv.mod_revision) else { continue };
                    if revision < last {
                        let what = format!("It received revision {revision} after revision {last}, in one message.");
                        violations.push(Violation { kind: &UNORDERED, at, revision, key: None, what });
                    }
                    last = last.max(revision);
                    self.revision(at, revision, group, compacted, range, violations);
                }
            }
            Message::Bookmark(at, revision) => self.bookmark(at, revision, range, violations),
            Message::Closed { at, read_until, owed } => {
                self.read_until = read_until;
                self.give_up_partial(violations);
                if let Some(change) = self.owed(owed, range).first() {
                    let what = format!(
                        "Its owner closed it before it had received revision {}, which changed {}: the member had delivered that to its collector more than {} s earlier.",
                        change.revision,
                        change.key.to_text(),
                        super::PATIENCE / 1_000_000_000
                    );
                    violations.push(Violation { kind: &STALLED, at, revision: change.revision, key: Some(change.key.clone()), what });
                }
            }
            Message::Broken => self.give_up_partial(violations),
        }
    }

    fn revision(
        &mut self,
        at: Nanos,
        revision: Revision,
        group: &[WatchEvent],
        compacted: Revision,
        range: &WatchedRange,
        violations: &mut Vec<Violation>,
    ) {
        self.counts.events += group.len() as u64;
        let key = group.first().map(|event| event.kv.key.clone());
        let mut violation = |kind, what| violations.push(Violation { kind, at, revision, key: key.clone(), what });
        if self.first.is_none() {
            violation(&BELOW_START, format!("It received revision {revision} before the member had confirmed the watch."));
            return;
        }
        if revision < self.lowest {
            let what = if self.start > 0 {
                format!("It received revision {revision}, although it starts at revision {}.", self.start)
            } else {
                format!(
                    "It received revision {revision}, although the member had already reached revision {} when the watch was opened.",
                    self.lowest - 1
                )
            };
            violation(&BELOW_START, what);
            return;
        }
        if revision < range.known_from {
            self.counts.too_old += 1;
            self.last_event = self.last_event.max(revision);
            return;
        }
        if let Some(partial) = self.partial.as_mut().filter(|partial| partial.revision == revision) {
            let before = partial.missing.len();
            partial.missing.retain(|change| group.iter().all(|event| event.kv.key != change.key));
            if partial.missing.len() < before {
                violation(&SPLIT_REVISION, format!("It received the events of revision {revision} in more than one message."));
                if partial.missing.is_empty() {
                    self.partial = None;
                }
                return;
            }
        }
        if revision <= self.last_event.max(self.bookmark) {
            let (last, bookmark) = (self.last_event, self.bookmark);
            let was_missed = self.missed.remove(&revision);
            if revision > last {
                violation(
                    &BOOKMARK_BROKEN,
                    format!("It received revision {revision} after a progress notification for revision {bookmark}."),
                );
            } else if was_missed {
                violation(&UNORDERED, format!("It received revision {revision} only after revision {last}."));
            } else {
                violation(&DUPLICATED_EVENT, format!("It received revision {revision} a second time, after revision {last}."));
            }
            self.last_event = last.max(revision);
            return;
        }
        self.give_up_partial(violations);
        self.skip_to(at, revision, range, violations);
        self.compare(at, revision, group, compacted, range, violations);
        self.last_event = revision;
    }

    /// Reports the revisions before this one that were not received.
    fn skip_to(&mut self, at: Nanos, revision: Revision, range: &WatchedRange, violations: &mut Vec<Violation>) {
        let Some(next) = self.next else { return };
        let skipped = range.from(next).iter().take_while(|change| change.revision < revision);
        for changes in skipped.collect::<Vec<_>>().chunk_by(|one, other| one.revision == other.revision) {
            let Some(change) = changes.first() else { continue };
            let what = format!("It received revision {revision} without revision {}, which changed {}.", change.revision, keys(changes));
            violations.push(Violation { kind: &MISSED_EVENT, at, revision: change.revision, key: Some(change.key.clone()), what });
            self.miss(change.revision);
        }
        self.next = Some(revision);
    }

    /// Compares the events of a revision with the log.
    fn compare(
        &mut self,
        at: Nanos,
        revision: Revision,
        group: &[WatchEvent],
        compacted: Revision,
        range: &WatchedRange,
        violations: &mut Vec<Violation>,
    ) {
        let expected = range.at(revision);
        for event in group {
            let name = event.kv.key.to_text();
            let mut violation = |kind, what| violations.push(Violation { kind, at, revision, key: Some(event.kv.key.clone()), what });
            let is_creation = event.kv.create_revision == event.kv.mod_revision;
            if !event.deleted && (event.kv.version == 1) != is_creation {
                let (version, created) = (event.kv.version, event.kv.create_revision);
                violation(
                    &ALTERED_EVENT,
                    format!(
                        "It received version {version} of {name} in revision {revision}, created at revision {created}: that is impossible."
                    ),
                );
                continue;
            }
            let Some(change) = expected.iter().find(|change| change.key == event.kv.key) else {
                let what = if event.deleted { "deletion" } else { "put" };
                violation(
                    &ALTERED_EVENT,
                    format!("It received a {what} of {name} in revision {revision}, which the log does not contain."),
                );
                continue;
            };
            if event_hash(event.deleted, &event.kv) != change.content {
                let what = if event.deleted {
                    "a deletion".to_owned()
                } else {
                    format!("version {} `{}`", event.kv.version, excerpt(event.kv.value.as_bytes(), 0))
                };
                violation(
                    &ALTERED_EVENT,
                    format!("It received {what} of {name} in revision {revision}, which differs from what the collectors delivered."),
                );
                continue;
            }
            if !self.previous_requested {
                continue;
            }
            self.counts.previous += u64::from(event.previous.is_some());
            match (&event.previous, change.previous) {
                (Some(received), Previous::Some(before)) if kv_hash(received) == before => {}
                (None, Previous::None) | (_, Previous::Forgotten) => {}
                // A previous value that was compacted cannot be sent.
                (None, Previous::Some(_)) if revision <= compacted => {}
                (None, Previous::Some(_)) => {
                    violation(
                        if self.is_unprepared { &PREVIOUS_MISSING_AT_CREATION } else { &WRONG_PREVIOUS },
                        format!(
                            "It requested previous values and received none for {name} in revision {revision}, although there was one and no compaction had removed it."
                        ),
                    );
                }
                (Some(received), _) => {
                    let received = format!("version {} of revision {}", received.version, received.mod_revision);
                    violation(
                        &WRONG_PREVIOUS,
                        format!("It received {received} as the previous value of {name} in revision {revision}, which is wrong."),
                    );
                }
            }
        }
        let missing = expected.iter().filter(|change| group.iter().all(|event| event.kv.key != change.key));
        let missing: Vec<Change> = missing.cloned().collect();
        if !missing.is_empty() {
            self.partial = Some(Partial { revision, at, missing });
        }
        self.next = Some(revision + 1);
    }

    fn bookmark(&mut self, at: Nanos, revision: Revision, range: &WatchedRange, violations: &mut Vec<Violation>) {
        self.counts.bookmarks += 1;
        if self.partial.as_ref().is_some_and(|partial| partial.revision <= revision) {
            self.give_up_partial(violations);
        }
        let owed = self.owed(revision, range);
        if let (Some(first), Some(last)) = (owed.first(), owed.last()) {
            let more =
                if first.revision < last.revision { format!(", nor later ones up to revision {}", last.revision) } else { String::new() };
            let what = format!(
                "It received a progress notification for revision {revision}, but had not received revision {}, which changed {}{more}.",
                first.revision,
                first.key.to_text()
            );
            violations.push(Violation { kind: &BOOKMARK_BROKEN, at, revision: first.revision, key: Some(first.key.clone()), what });
            let owed: Vec<Revision> = owed.iter().map(|change| change.revision).collect();
            owed.into_iter().for_each(|revision| self.miss(revision));
        }
        self.next = self.next.map(|next| next.max(revision + 1));
        self.bookmark = self.bookmark.max(revision);
    }

    /// What it should have received up to a revision and did not.
    fn owed<'range>(&self, revision: Revision, range: &'range WatchedRange) -> &'range [Change] {
        let changes = self.next.map_or(&[][..], |next| range.from(next));
        let count = changes.partition_point(|change| change.revision <= revision);
        changes.get(..count).unwrap_or_default()
    }

    fn give_up_partial(&mut self, violations: &mut Vec<Violation>) {
        let Some(Partial { revision, at, missing }) = self.partial.take() else { return };
        let key = missing.first().map(|change| change.key.clone());
        let what =
            format!("It received only a part of revision {revision}, without the change of {}.", keys(&missing.iter().collect::<Vec<_>>()));
        violations.push(Violation { kind: &MISSED_EVENT, at, revision, key, what });
    }

    fn miss(&mut self, revision: Revision) {
        self.missed.insert(revision);
        if self.missed.len() > MISSED_MAX {
            self.missed.pop_first();
        }
    }
}

fn keys(changes: &[&Change]) -> String {
    let some: Vec<String> = changes.iter().take(3).map(|change| change.key.to_text()).collect();
    let more = if changes.len() > 3 { format!(" and {} more", changes.len() - 3) } else { String::new() };
    format!("{}{more}", some.join(", "))
}
