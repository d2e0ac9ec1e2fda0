//! The response to a sorted or filtered range, compared with the key space.
//!
//! etcd reads the whole range, applies the filter, sorts, and applies the limit last; the count is that of the whole range
//! (`Range` in etcd's `server/etcdserver/txn`). With a limit, but neither a direction nor a filter, etcd reads only one key
//! more than the limit, in the order of the keys, and sorts those. Its sort is not stable: keys that compare as equal may come
//! in any order, and the limit may fall between any of them.

use std::cmp::Ordering;

use rustc_hash::{FxHashMap, FxHashSet};

use super::answer::{Mismatch, MismatchKind, View, differing, missing, same, wrong_count};
use crate::core::key_space::{KeyRange, Versions};
use ticketcd_history::request::{KeyValue, Range, RangeAnswer, RevisionFilter, SortOrder, SortTarget};

/// The first difference between a response and the key space; `None` if there is none.
pub(super) fn mismatch(range: &Range, found: &RangeAnswer, view: View<'_>, versions: &Versions) -> Option<Mismatch> {
    let keys = KeyRange::new(&range.key, &range.range_end);
    let all: Vec<&KeyValue> = versions.range_by(keys, |key| view.revision_of(key)).collect();
    let mut expected: Vec<&KeyValue> = all.iter().copied().filter(|kv| passes(&range.filter, kv)).collect();
    let limit = usize::try_from(range.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    if range.sort.order == SortOrder::None && range.filter == RevisionFilter::default() {
        expected.truncate(limit.saturating_add(1));
    }
    expected.sort_by(|one, other| compare(range, one, other));
    let by_key: FxHashMap<&[u8], &KeyValue> = expected.iter().map(|kv| (kv.key.as_bytes(), *kv)).collect();
    let shown = if range.count_only { 0 } else { expected.len().min(limit) };
    for kv in &found.kvs {
        match by_key.get(kv.key.as_bytes()) {
            Some(right) if same(kv, right, range.keys_only) => {}
            right => return Some(differing(kv, right.copied(), versions)),
        }
    }
    // Each key is correct: what remains are their number and their order.
    let right = |kv: &KeyValue| by_key.get(kv.key.as_bytes()).copied();
    let mut places = found.kvs.iter().filter_map(right).zip(&expected);
    if let Some((kv, place)) = places.find(|(kv, place)| compare(range, kv, place) != Ordering::Equal) {
        let what = format!("the response has {} where {} belongs", kv.key.to_text(), place.key.to_text());
        return Some(Mismatch { kind: MismatchKind::Order, key: kv.key.clone(), what, is_real: false });
    }
    let mut seen = FxHashSet::default();
    if let Some(twice) = found.kvs.iter().find(|kv| !seen.insert(kv.key.as_bytes())) {
        let what = format!("the response has {} twice", twice.key.to_text());
        return Some(Mismatch { kind: MismatchKind::Order, key: twice.key.clone(), what, is_real: false });
    }
    if let Some(beyond) = found.kvs.get(shown) {
        return Some(differing(beyond, None, versions));
    }
    if found.kvs.len() < shown {
        return expected.iter().find(|kv| !seen.contains(kv.key.as_bytes())).map(|kv| missing(kv));
    }
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    wrong_count(range, found, count, !range.count_only && expected.len() > limit)
}

fn passes(filter: &RevisionFilter, kv: &KeyValue) -> bool {
    let within = |min, max, revision| (min == 0 || revision >= min) && (max == 0 || revision <= max);
    within(filter.min_mod, filter.max_mod, kv.mod_revision) && within(filter.min_create, filter.max_create, kv.create_revision)
}

/// How two keys compare in the requested order. Without a direction etcd sorts ascending.
fn compare(range: &Range, one: &KeyValue, other: &KeyValue) -> Ordering {
    let upwards = match range.sort.target {
        SortTarget::Key => one.key.cmp(&other.key),
        SortTarget::Version => one.version.cmp(&other.version),
        SortTarget::CreateRevision => one.create_revision.cmp(&other.create_revision),
        SortTarget::ModRevision => one.mod_revision.cmp(&other.mod_revision),
        SortTarget::Value => one.value.cmp(&other.value),
    };
    match range.sort.order {
        SortOrder::None | SortOrder::Ascend => upwards,
        SortOrder::Descend => upwards.reverse(),
    }
}
