//! Merges the deliveries of all collectors into one log of revisions.
//!
//! Each revision is taken from the collector that delivers it first; later deliveries of it are compared by a hash. Nothing is
//! merged by majority: a revision about which members disagree is reported, not repaired. Only the hash of a revision and its
//! deliverers are kept; its events only for a while, to describe differences.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};

use rustc_hash::{FxBuildHasher, FxHashMap};

use ticketcd_history::watch::{WatchBatch, WatchBody, WatchEvent, WatchOpened, WatchRole};
use ticketcd_history::{MemberIndex, Nanos, Revision};

/// A new key space has revision 1 without any event.
const FIRST_REVISION: Revision = 2;

/// The merged log of revisions.
#[derive(Debug, Default)]
pub struct RevisionLog {
    collectors: FxHashMap<u32, Collector>,
    /// The last revision delivered by each member.
    reached: FxHashMap<MemberIndex, Revision>,
    /// The compacted revision that each member reported. A watch delivers that revision without its deletions.
    compacted: FxHashMap<MemberIndex, Revision>,
    /// The last revision that was passed on. `None` before any collector shows where the log starts.
    position: Option<Revision>,
    passed_on: u64,
    missing: u64,
    first_missing: Option<Revision>,
    /// The state of each revision from `known_from` on.
    known_from: Revision,
    hashes: Vec<u64>,
    delivered_by: Vec<u16>,
    held: BTreeMap<Revision, Held>,
    /// The events of the last revisions.
    recent: Recent,
    deliveries: u64,
    compared: u64,
    diverged_from: Option<Revision>,
    /// The first revision that was passed on before the rest of it came.
    partial_from: Option<Revision>,
}

/// What a log of revisions came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSummary {
    /// The last revision before which none is missing; 0 if there is none.
    pub unbroken_until: Revision,
    /// Revisions in the log.
    pub revisions: u64,
    /// Revisions that no collector delivered.
    pub missing: u64,
    /// The first of these.
    pub first_missing: Option<Revision>,
    /// Deliveries: a revision that two collectors delivered counts twice.
    pub deliveries: u64,
    /// Deliveries that were compared with another of the same revision, and agreed.
    pub compared: u64,
    /// Members with a collector.
    pub members: usize,
    /// The lowest revision of which members delivered different content: the root cause of every finding there or later.
    pub diverged_from: Option<Revision>,
    /// The first revision that was passed on only in part, because its first collector had split it: findings from there on
    /// may be consequences.
    pub partial_from: Option<Revision>,
}

/// A subscription that collects.
#[derive(Debug)]
struct Collector {
    member: MemberIndex,
    /// The first revision that it must deliver.
    start: Revision,
    /// The first revision that it may deliver. For a watch from "now" it is unknown: from etcd 3.4.38, 3.5.22 and 3.6.2 on,
    /// the header of `created` is read after the watch was registered, so that revisions up to it may be delivered, too.
    lowest: Revision,
    /// The last revision, and the hash of its last delivery.
    last: Option<(Revision, u64)>,
    whole_key_space: bool,
    /// The disagreement about its last revision: reported when that revision is complete, because the rest may still come.
    disagreement: Option<Disagreement>,
}

/// A revision that is held back until the ones before it come.
#[derive(Debug)]
struct Held {
    at: Nanos,
    events: Vec<WatchEvent>,
}

/// The events of the last revisions, to describe differences. They are kept serialized, because hardly any is ever read.
#[derive(Debug, Default)]
struct Recent(VecDeque<(Revision, Vec<u8>)>);

impl Recent {
    /// Revisions that are kept.
    const COUNT_MAX: usize = 8_192;

    fn remember(&mut self, revision: Revision, events: &[WatchEvent]) {
        let oldest = if self.0.len() < Self::COUNT_MAX { None } else { self.0.pop_front() };
        let mut bytes = oldest.map(|(_, bytes)| bytes).unwrap_or_default();
        bytes.clear();
        // An event that cannot be encoded could not have been recorded.
        if let Ok(bytes) = postcard::to_extend(events, bytes) {
            self.0.push_back((revision, bytes));
        }
    }

    fn replace(&mut self, revision: Revision, events: &[WatchEvent]) {
        self.0.retain(|(of, _)| *of != revision);
        self.remember(revision, events);
    }

    fn get(&self, revision: Revision) -> Option<Vec<WatchEvent>> {
        let (_, bytes) = self.0.iter().find(|(of, _)| *of == revision)?;
        postcard::from_bytes(bytes).ok()
    }
}

/// The result of a delivery.
#[derive(Debug)]
pub struct Offer {
    /// Its position in the log.
    pub placement: Placement,
    /// How it is out of place in the collector's own stream.
    pub irregularity: Option<Irregularity>,
    /// A disagreement about the revision before this one on the same watch.
    pub disagreement: Option<Disagreement>,
}

/// The position of a delivery in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// It is the next revision of the log.
    Next,
    /// It is held back until the ones before it come: see [`RevisionLog::next_held`].
    Held,
    /// It was delivered before.
    Known,
}

/// A delivery that violates the guarantees of a watch on the whole key space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Irregularity {
    /// Which.
    pub kind: IrregularityKind,
    /// The member.
    pub member: MemberIndex,
    /// The subscription.
    pub subscription: u32,
    /// The revision delivered.
    pub revision: Revision,
    /// The revision it conflicts with: the one delivered before it, or the start of the watch.
    pub against: Revision,
    /// When.
    pub at: Nanos,
}

/// What is wrong with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IrregularityKind {
    /// It was delivered to this subscription before.
    Duplicate,
    /// Its events came in several messages.
    Split,
    /// A later revision was delivered before it.
    OutOfOrder,
    /// It is below the start revision.
    BeforeStart,
    /// Revisions before it were skipped.
    Gap,
}

/// Two deliveries of a revision with different content, by two members or by one.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The revision.
    pub revision: Revision,
    /// When the second content was delivered.
    pub at: Nanos,
    /// Who delivered it.
    pub member: MemberIndex,
    /// It.
    pub events: Vec<WatchEvent>,
    /// Who delivered the first content.
    pub others: Vec<MemberIndex>,
    /// The first content, if it is still kept.
    pub other_events: Option<Vec<WatchEvent>>,
}

/// A revision that is next in the log.
#[derive(Debug)]
pub struct Sequenced {
    /// Which.
    pub revision: Revision,
    /// When it was delivered.
    pub at: Nanos,
    /// Its events.
    pub events: Vec<WatchEvent>,
    /// Revisions directly before it that no collector delivered.
    pub missing_before: u64,
}

impl RevisionLog {
    /// A watch was opened; watches that are not collectors are ignored.
    pub fn open(&mut self, opened: &WatchOpened) {
        if opened.role != WatchRole::Collector {
            return;
        }
        // Key 0 to range end 0 is everything: only such a watch delivers every revision.
        let whole_key_space = opened.key.as_bytes() == [0] && opened.range_end.as_bytes() == [0];
        let (member, start) = (opened.member, opened.start_revision);
        let collector = Collector { member, start, lowest: start, last: None, whole_key_space, disagreement: None };
        self.collectors.insert(opened.subscription, collector);
        self.reached.entry(opened.member).or_default();
        if opened.start_revision > 0 {
            self.begin_at(opened.start_revision);
        }
    }

    /// Whether a message belongs to a collector.
    pub fn is_collector(&self, batch: &WatchBatch) -> bool {
        self.collectors.contains_key(&batch.subscription)
    }

    /// A message of a collector without events. A collector from "now" must deliver everything after the revision of its
    /// `created` header, and one that starts below the compaction is cancelled.
    pub fn note(&mut self, batch: &WatchBatch) {
        let Some(collector) = self.collectors.get_mut(&batch.subscription) else { return };
        match batch.body {
            WatchBody::Created if collector.start == 0 => {
                let start = batch.revision.saturating_add(1);
                collector.start = start;
                self.begin_at(start);
            }
            WatchBody::Cancelled { compact_revision, .. } => {
                let compacted = self.compacted.entry(collector.member).or_default();
                *compacted = compact_revision.max(*compacted);
            }
            WatchBody::Created | WatchBody::Events(_) | WatchBody::Progress => {}
        }
    }

    /// The log begins at the earliest start, as long as nothing was passed on.
    fn begin_at(&mut self, start: Revision) {
        let before_first = start.max(FIRST_REVISION) - 1;
        if self.passed_on == 0 && self.position.is_none_or(|position| before_first < position) {
            self.position = Some(before_first);
        }
    }

    /// Processes all events that one message of a collector has for one revision. `None` if it belongs to no collector.
    pub fn offer(&mut self, subscription: u32, at: Nanos, revision: Revision, events: &[WatchEvent]) -> Option<Offer> {
        let collector = self.collectors.get_mut(&subscription)?;
        self.deliveries += 1;
        let member = collector.member;
        let hash = content_hash(events);
        let compacted = self.compacted.get(&member).copied().unwrap_or(0);
        let irregularity = collector.irregularity(revision, hash, compacted).map(|(kind, against)| Irregularity {
            kind,
            member,
            subscription,
            revision,
            against,
            at,
        });
        if collector.last.is_none_or(|(last, _)| revision >= last) {
            collector.last = Some((revision, hash));
        }
        let whole_key_space = collector.whole_key_space;
        let covered_from = collector.start;
        let reached = self.reached.entry(member).or_default();
        *reached = revision.max(*reached);

        if revision <= compacted {
            // Not the complete revision, so no evidence of its content.
            return Some(Offer { placement: Placement::Known, irregularity, disagreement: None });
        }
        let position = *self.position.get_or_insert(revision.saturating_sub(1));
        let slot = self.slot(revision);
        let known = slot.filter(|slot| self.delivered_by.get(*slot).is_some_and(|members| *members != 0));
        let (placement, disagreement) = match (known, slot) {
            (Some(slot), _) if irregularity.as_ref().is_some_and(|irregularity| irregularity.kind == IrregularityKind::Split) => {
                if self.delivered_by.get(slot) == Some(&bit(member)) {
                    self.complete(slot, revision, events);
                } else {
                    self.reconcile(subscription, slot, events);
                }
                return Some(Offer { placement: Placement::Known, irregularity, disagreement: None });
            }
            (Some(slot), _) => {
                let agrees = self.hashes.get(slot) == Some(&hash);
                let disagreement = (!agrees).then(|| self.disagreement(revision, at, member, events));
                if agrees {
                    self.compared += 1;
                    self.mark(slot, hash, member);
                }
                (Placement::Known, disagreement)
            }
            // Before the start of the log, or implausibly far ahead of it.
            (None, None) => (Placement::Known, None),
            (None, Some(slot)) => {
                let is_next = if whole_key_space {
                    revision == position.saturating_add(1)
                } else {
                    revision > position && covered_from <= position.saturating_add(1)
                };
                if revision <= position {
                    // It was already counted as missing.
                    (Placement::Known, None)
                } else {
                    self.mark(slot, hash, member);
                    self.recent.remember(revision, events);
                    if is_next && self.held.is_empty() {
                        self.pass_on(revision);
                        (Placement::Next, None)
                    } else {
                        self.held.insert(revision, Held { at, events: events.to_vec() });
                        (Placement::Held, None)
                    }
                }
            }
        };
        // The revision that it delivered before is complete now.
        let collector = self.collectors.get_mut(&subscription)?;
        let whole = std::mem::replace(&mut collector.disagreement, disagreement);
        self.note_divergence(whole.as_slice());
        Some(Offer { placement, irregularity, disagreement: whole })
    }

    /// The record ends: the disagreements about the revisions that were delivered last.
    pub fn last_disagreements(&mut self) -> Vec<Disagreement> {
        let mut last: Vec<_> =
            self.collectors.iter_mut().filter_map(|(id, collector)| Some((*id, collector.disagreement.take()?))).collect();
        last.sort_unstable_by_key(|(id, _)| *id);
        let last: Vec<Disagreement> = last.into_iter().map(|(_, disagreement)| disagreement).collect();
        self.note_divergence(&last);
        last
    }

    fn note_divergence(&mut self, disagreements: &[Disagreement]) {
        for Disagreement { revision, .. } in disagreements {
            self.diverged_from = Some(self.diverged_from.map_or(*revision, |from| from.min(*revision)));
        }
    }

    /// The next revision that was held back and is now next: the ones before it were delivered, or every member is past them,
    /// or the record ends.
    pub fn next_held(&mut self, record_ends: bool) -> Option<Sequenced> {
        let (&revision, _) = self.held.first_key_value()?;
        let position = self.position?;
        let missing_before = revision.saturating_sub(position).saturating_sub(1);
        let everyone_is_past = || self.reached.values().all(|reached| *reached >= revision);
        if missing_before > 0 && !record_ends && !everyone_is_past() {
            return None;
        }
        let missing_before = if self.is_contiguous() { u64::try_from(missing_before).unwrap_or(0) } else { 0 };
        if missing_before > 0 {
            self.missing = self.missing.saturating_add(missing_before);
            self.first_missing.get_or_insert(position + 1);
        }
        let held = self.held.remove(&revision)?;
        self.pass_on(revision);
        Some(Sequenced { revision, at: held.at, events: held.events, missing_before })
    }

    /// The record ends and the cluster had reached a revision: those between the log and it are missing.
    pub fn end_at(&mut self, revision: Revision) {
        let Some(position) = self.position else { return };
        let behind = u64::try_from(revision.saturating_sub(position)).unwrap_or(0);
        if behind > 0 && self.is_contiguous() {
            self.missing = self.missing.saturating_add(behind);
            self.first_missing.get_or_insert(position + 1);
        }
    }

    /// A summary so far.
    pub fn summary(&self) -> LogSummary {
        let unbroken_until = match (self.passed_on, self.first_missing) {
            (0, _) => 0,
            (_, Some(missing)) => missing - 1,
            (_, None) => self.position.unwrap_or(0),
        };
        LogSummary {
            unbroken_until,
            revisions: self.passed_on,
            missing: self.missing,
            first_missing: self.first_missing,
            deliveries: self.deliveries,
            compared: self.compared,
            members: self.reached.len(),
            diverged_from: self.diverged_from,
            partial_from: self.partial_from,
        }
    }

    /// Whether the next revision comes after one that no collector delivered.
    pub fn has_hole(&self) -> bool {
        self.missing > 0
    }

    /// Whether every revision must be delivered: at least one collector watches everything.
    fn is_contiguous(&self) -> bool {
        self.collectors.values().any(|collector| collector.whole_key_space)
    }

    fn pass_on(&mut self, revision: Revision) {
        self.position = Some(revision);
        self.passed_on += 1;
    }

    /// The index of a revision. `None` if it is before the log, or implausibly far ahead of it.
    fn slot(&mut self, revision: Revision) -> Option<usize> {
        /// More revisions than can be written while a watch is silent; a higher number is not a revision of this log.
        const FARTHEST_AHEAD: usize = 1 << 22;
        if self.hashes.is_empty() {
            self.known_from = self.position.unwrap_or(0).saturating_add(1);
        }
        let slot = usize::try_from(revision.checked_sub(self.known_from)?).ok()?;
        (slot <= self.hashes.len().saturating_add(FARTHEST_AHEAD)).then_some(slot)
    }

    /// The rest of a revision that others delivered completely: together they may agree.
    fn reconcile(&mut self, subscription: u32, slot: usize, rest: &[WatchEvent]) {
        let Some(collector) = self.collectors.get_mut(&subscription) else { return };
        let Some(disagreement) = &mut collector.disagreement else { return };
        disagreement.events.extend_from_slice(rest);
        let hash = content_hash(&disagreement.events);
        if self.hashes.get(slot) == Some(&hash) {
            let member = collector.member;
            collector.disagreement = None;
            self.compared += 1;
            self.mark(slot, hash, member);
        }
    }

    /// The rest of a revision that no other collector has delivered: later deliveries are compared with the complete one.
    fn complete(&mut self, slot: usize, revision: Revision, rest: &[WatchEvent]) {
        if let Some(held) = self.held.get_mut(&revision) {
            held.events.extend_from_slice(rest);
        } else {
            self.partial_from = Some(self.partial_from.map_or(revision, |from| from.min(revision)));
        }
        let mut events = self.recent.get(revision).unwrap_or_default();
        events.extend_from_slice(rest);
        self.recent.replace(revision, &events);
        if let Some(kept) = self.hashes.get_mut(slot) {
            *kept = kept.wrapping_add(content_hash(rest));
        }
    }

    fn mark(&mut self, slot: usize, hash: u64, member: MemberIndex) {
        if slot >= self.hashes.len() {
            self.hashes.resize(slot + 1, 0);
            self.delivered_by.resize(slot + 1, 0);
        }
        if let (Some(kept), Some(members)) = (self.hashes.get_mut(slot), self.delivered_by.get_mut(slot)) {
            *kept = hash;
            *members |= bit(member);
        }
    }

    fn disagreement(&self, revision: Revision, at: Nanos, member: MemberIndex, events: &[WatchEvent]) -> Disagreement {
        let slot = revision.checked_sub(self.known_from).and_then(|slot| usize::try_from(slot).ok());
        let delivered_by = slot.and_then(|slot| self.delivered_by.get(slot)).copied().unwrap_or(0);
        let others = (0..16).map(MemberIndex).filter(|other| delivered_by & bit(*other) != 0).collect();
        let other_events = self.recent.get(revision);
        Disagreement { revision, at, member, events: events.to_vec(), others, other_events }
    }
}

impl Collector {
    /// How a delivery is irregular within this subscription.
    fn irregularity(&self, revision: Revision, hash: u64, compacted: Revision) -> Option<(IrregularityKind, Revision)> {
        if revision < self.lowest {
            return Some((IrregularityKind::BeforeStart, self.lowest));
        }
        match self.last {
            Some((last, content)) if revision == last && content == hash => Some((IrregularityKind::Duplicate, last)),
            Some((last, _)) if revision == last => Some((IrregularityKind::Split, last)),
            Some((last, _)) if revision < last => Some((IrregularityKind::OutOfOrder, last)),
            Some((last, _)) if self.whole_key_space && revision > last.saturating_add(1) => Some((IrregularityKind::Gap, last)),
            // Deletions at the compacted revision are not delivered: then the revision after it is the first.
            None if self.whole_key_space
                && self.start > 0
                && revision > self.start.max(FIRST_REVISION).max(compacted.saturating_add(1)) =>
            {
                Some((IrregularityKind::Gap, self.start.max(FIRST_REVISION) - 1))
            }
            _ => None,
        }
    }
}

/// At most sixteen members are distinguished here; later ones share the last bit.
fn bit(member: MemberIndex) -> u16 {
    1 << member.0.min(15)
}

/// An order-independent hash of the events of a revision: the hash of a whole is the sum of the hashes of its parts. Of a
/// deletion only key and revision count.
fn content_hash(events: &[WatchEvent]) -> u64 {
    let hash_of = |event: &WatchEvent| {
        let mut hasher = FxBuildHasher.build_hasher();
        event.deleted.hash(&mut hasher);
        if event.deleted {
            event.kv.key.hash(&mut hasher);
            event.kv.mod_revision.hash(&mut hasher);
        } else {
            event.kv.hash(&mut hasher);
        }
        hasher.finish()
    };
    events.iter().fold(events.len() as u64, |sum, event| sum.wrapping_add(hash_of(event)))
}
