//! The response to a range, compared with the key space.

use std::cmp::Ordering;

use super::sorted;
use super::{MISSING_KEY, PHANTOM_KEY, TORN_READ, WRONG_COUNT, WRONG_ORDER, WRONG_VALUE};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::key_space::{KeyRange, Versions};
use ticketcd_history::request::{KeyValue, Range, RangeAnswer, RevisionFilter, Sort, TxnOp};
use ticketcd_history::{Blob, Revision};

/// The state that a range reads.
#[derive(Clone, Copy)]
pub(super) struct View<'call> {
    /// The revision of the response.
    pub(super) revision: Revision,
    /// The operations before it in its own transaction, if that transaction wrote the revision.
    pub(super) own_writes: &'call [TxnOp],
    /// Whether its own transaction wrote the revision: then only those operations are visible.
    pub(super) is_own: bool,
}

impl View<'_> {
    /// The key space at a revision.
    pub(super) fn at(revision: Revision) -> Self {
        Self { revision, own_writes: &[], is_own: false }
    }

    pub(super) fn is_covered(&self, versions: &Versions) -> bool {
        versions.covers(self.revision) && (!self.is_own || versions.covers(self.revision - 1))
    }

    /// The revision at which it sees a key.
    pub(super) fn revision_of(&self, key: &Blob) -> Revision {
        let writes = |operation: &TxnOp| match operation {
            TxnOp::Put(put) => put.key == *key,
            TxnOp::Delete(delete) => KeyRange::new(&delete.key, &delete.range_end).contains(key.as_bytes()),
            TxnOp::Range(_) | TxnOp::Txn(_) => false,
        };
        if self.is_own && !self.own_writes.iter().any(writes) { self.revision - 1 } else { self.revision }
    }
}

/// A difference between a response and the key space.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) kind: MismatchKind,
    pub(super) key: Blob,
    /// In words, as the rest of a sentence that begins with "However".
    pub(super) what: String,
    /// Whether the returned content existed at some other revision.
    pub(super) is_real: bool,
}

impl Mismatch {
    /// Other keys of the same response match its revision, so this one is of another.
    pub(super) fn beside_right_ones(mut self) -> Self {
        if self.kind == MismatchKind::Value && self.is_real {
            self.kind = MismatchKind::Torn;
            self.what.push_str("; other keys of the same response match that revision");
        }
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MismatchKind {
    Value,
    Missing,
    Phantom,
    Torn,
    Count,
    Order,
}

impl MismatchKind {
    pub(super) fn anomaly(self) -> &'static AnomalyKind {
        match self {
            Self::Value => &WRONG_VALUE,
            Self::Missing => &MISSING_KEY,
            Self::Phantom => &PHANTOM_KEY,
            Self::Torn => &TORN_READ,
            Self::Count => &WRONG_COUNT,
            Self::Order => &WRONG_ORDER,
        }
    }
}

/// The first difference between a response and the key space; `None` if there is none.
pub(super) fn mismatch(range: &Range, found: &RangeAnswer, view: View<'_>, versions: &Versions) -> Option<Mismatch> {
    let limit = usize::try_from(range.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    if range.sort != Sort::default() || range.filter != RevisionFilter::default() {
        return sorted::mismatch(range, found, view, versions);
    }
    let keys = KeyRange::new(&range.key, &range.range_end);
    let mut expected = versions.range_by(keys, |key| view.revision_of(key)).fuse();
    let (mut count, mut agreeing) = (0_i64, 0_u64);
    let shown = if range.count_only { 0 } else { limit };
    let mut answered = found.kvs.iter().peekable();
    let mut wrong = None;
    for right in expected.by_ref() {
        count += 1;
        if usize::try_from(count).is_ok_and(|count| count > shown) || wrong.is_some() {
            continue;
        }
        match answered.peek().map(|kv| (kv.key.cmp(&right.key), *kv)) {
            Some((Ordering::Equal, kv)) => {
                answered.next();
                if same(kv, right, range.keys_only) {
                    agreeing += 1;
                } else {
                    wrong = Some((kv, Some(right)));
                }
            }
            Some((Ordering::Less, kv)) => wrong = Some((kv, None)),
            Some((Ordering::Greater, _)) | None => {
                return Some(missing(right));
            }
        }
    }
    if let Some((kv, right)) = wrong {
        let others_agree = agreeing > 0 || answered.any(|kv| versions.get(kv.key.as_bytes(), view.revision_of(&kv.key)) == Some(kv));
        let mismatch = differing(kv, right, versions);
        return Some(if others_agree { mismatch.beside_right_ones() } else { mismatch });
    }
    if let Some(kv) = answered.next() {
        return Some(differing(kv, None, versions));
    }
    let more = !range.count_only && usize::try_from(count).is_ok_and(|count| count > limit);
    wrong_count(range, found, count, more)
}

/// A key that a response lacks.
pub(super) fn missing(right: &KeyValue) -> Mismatch {
    let what =
        format!("the response lacks {}, which had version {} since revision {}", right.key.to_text(), right.version, right.mod_revision);
    Mismatch { kind: MismatchKind::Missing, key: right.key.clone(), what, is_real: false }
}

/// A difference in the counts of a response whose keys are right.
pub(super) fn wrong_count(range: &Range, found: &RangeAnswer, count: i64, more: bool) -> Option<Mismatch> {
    let what = match (found.count == count, found.more == more) {
        (false, _) => format!("the response counts {} keys instead of {count}", found.count),
        (true, false) if more => "the response does not report that more keys follow after its limit".to_owned(),
        (true, false) => "the response reports that more keys follow, and none do".to_owned(),
        (true, true) => return None,
    };
    Some(Mismatch { kind: MismatchKind::Count, key: range.key.clone(), what, is_real: false })
}

/// A key that was returned with wrong content; `right` is `None` if it did not exist.
pub(super) fn differing(kv: &KeyValue, right: Option<&KeyValue>, versions: &Versions) -> Mismatch {
    let was = match right {
        Some(right) => format!("it had version {} of revision {}, `{}`", right.version, right.mod_revision, shown(&right.value)),
        None => "it did not exist or is out of order".to_owned(),
    };
    let name = kv.key.to_text();
    let kind = if right.is_some() { MismatchKind::Value } else { MismatchKind::Phantom };
    let what = format!("{name} is returned as version {} of revision {}, `{}`; {was}", kv.version, kv.mod_revision, shown(&kv.value));
    Mismatch { kind, key: kv.key.clone(), what, is_real: versions.knows(kv) }
}

/// Whether a key was returned correctly. The keys are already known to be equal.
pub(super) fn same(answered: &KeyValue, right: &KeyValue, keys_only: bool) -> bool {
    let KeyValue { key: _, value, create_revision, mod_revision, version, lease } = answered;
    let counts = (*create_revision, *mod_revision, *version, *lease);
    let value_agrees = || if keys_only { value.is_empty() } else { *value == right.value };
    counts == (right.create_revision, right.mod_revision, right.version, right.lease) && value_agrees()
}

/// The part of a value that is shown.
fn shown(value: &Blob) -> String {
    value.to_text().chars().take(120).collect()
}
