//! What a request writes, compared with the events of a revision.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hash, Hasher};

use rustc_hash::FxBuildHasher;

use crate::core::excerpt::{excerpt, first_difference};
use crate::core::key_space::{KeyRange, Versions};
use ticketcd_history::request::{Answer, AnswerBody, Delete, Put, Request, TxnOp, carried_out, lock_key};
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{Blob, Revision};

/// The operations of a completed request that may have written: of a transaction those that were executed.
pub(super) fn written<'call>(request: &'call Request, answer: &'call Answer) -> Cow<'call, [TxnOp]> {
    match (request, &answer.body) {
        (Request::Txn(txn), AnswerBody::Txn { succeeded, responses }) if txn.branch(*succeeded).iter().any(is_nested) => {
            Cow::Owned(carried_out(txn, *succeeded, responses).map(|(operation, _)| operation.clone()).collect())
        }
        (Request::Txn(txn), AnswerBody::Txn { succeeded, .. }) => Cow::Borrowed(txn.branch(*succeeded)),
        _ => Cow::Owned(ways(request).and_then(|mut ways| ways.pop()).map(|way| way.operations).unwrap_or_default()),
    }
}

/// A way in which a request can be executed.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Whether it is the way when all compares hold. A request without compares has only this one.
    pub(super) guards_held: bool,
    /// What it writes.
    pub(super) operations: Vec<TxnOp>,
}

/// Ways of one branch that are enumerated, at most: each nested transaction can double them.
const WAYS_MAX: usize = 64;

/// The ways to execute a request that write; `None` if there are too many.
pub(super) fn ways(request: &Request) -> Option<Vec<Way>> {
    let single = |operation| vec![Way { guards_held: true, operations: vec![operation] }];
    let lock = |name, lease| Put { key: lock_key(name, lease), value: Blob::default(), lease, ..Put::default() };
    let mut ways = match request {
        Request::Put(put) => single(TxnOp::Put(put.clone())),
        Request::Delete(delete) => single(TxnOp::Delete(delete.clone())),
        Request::Txn(txn) => {
            let of = |guards_held: bool| {
                let branches = branches(txn.branch(guards_held))?;
                Some(branches.into_iter().map(move |operations| Way { guards_held, operations }))
            };
            of(true)?.chain(of(false)?).collect()
        }
        Request::Lock { name, lease } => single(TxnOp::Put(lock(name, *lease))),
        Request::Unlock { key } => single(TxnOp::Delete(Delete { key: key.clone(), ..Delete::default() })),
        _ => Vec::new(),
    };
    ways.retain(|way| !way.operations.is_empty());
    Some(ways)
}

/// What operations may write, for each combination of branches of their nested transactions; `None` if there are too many.
fn branches(operations: &[TxnOp]) -> Option<Vec<Vec<TxnOp>>> {
    let mut ways: Vec<Vec<TxnOp>> = vec![Vec::new()];
    for operation in operations {
        match operation {
            TxnOp::Range(_) => {}
            TxnOp::Put(_) | TxnOp::Delete(_) => ways.iter_mut().for_each(|way| way.push(operation.clone())),
            TxnOp::Txn(txn) => {
                let nested = [branches(txn.branch(true))?, branches(txn.branch(false))?].concat();
                if ways.len() * nested.len() > WAYS_MAX {
                    return None;
                }
                let followed = |way: &Vec<TxnOp>| nested.iter().map(|next| [way.as_slice(), next].concat()).collect::<Vec<_>>();
                ways = ways.iter().flat_map(followed).collect();
            }
        }
    }
    Some(ways)
}

fn is_nested(operation: &TxnOp) -> bool {
    matches!(operation, TxnOp::Txn(_))
}

/// How the events of a revision differ from what was sent, in words; `None` if they do not. With the key space before the
/// revision, deletions and the fields that etcd counts (version, create revision) are compared, too.
pub(super) fn difference(sent: &[TxnOp], events: &[WatchEvent], before: Option<(&Versions, Revision)>) -> Option<String> {
    let mut events = events.iter().peekable();
    for operation in sent {
        match operation {
            TxnOp::Range(_) | TxnOp::Txn(_) => {}
            TxnOp::Put(put) => {
                let Some(event) = events.next() else {
                    return Some(format!("the put of {} is missing", put.key.to_text()));
                };
                if let Some(difference) = put_difference(put, event, before) {
                    return Some(difference);
                }
            }
            TxnOp::Delete(delete) => {
                let range = KeyRange::new(&delete.key, &delete.range_end);
                let mut deleted = Vec::new();
                while let Some(event) = events.next_if(|event| event.deleted && range.contains(event.kv.key.as_bytes())) {
                    deleted.push(&event.kv.key);
                }
                let Some((versions, revision)) = before else { continue };
                let mut existing = versions.range(range, revision).map(|kv| &kv.key);
                if let Some(kept) = existing.find(|key| !deleted.contains(key)) {
                    return Some(format!("the deletion of {} is missing", kept.to_text()));
                }
            }
        }
    }
    let further = events.next()?;
    let what = if further.deleted { "the deletion" } else { "a put" };
    Some(format!("it contains {what} of {}, which was not sent", further.kv.key.to_text()))
}

fn put_difference(put: &Put, event: &WatchEvent, before: Option<(&Versions, Revision)>) -> Option<String> {
    let name = || put.key.to_text();
    if event.kv.key != put.key {
        return Some(format!("it changes {} where {} was put", event.kv.key.to_text(), name()));
    }
    if event.deleted {
        return Some(format!("it deletes {}, which was put", name()));
    }
    if !put.ignore_value && event.kv.value != put.value {
        let (sent, stored) = (put.value.as_bytes(), event.kv.value.as_bytes());
        let around = first_difference(sent, stored);
        return Some(format!("{} was put as `{}` and stored as `{}`", name(), excerpt(sent, around), excerpt(stored, around)));
    }
    if !put.ignore_lease && event.kv.lease != put.lease {
        return Some(format!("{} was put with lease {:x} and stored with lease {:x}", name(), put.lease, event.kv.lease));
    }
    let (versions, revision) = before?;
    let previous = versions.get(put.key.as_bytes(), revision);
    if put.ignore_value && previous.is_none_or(|kv| kv.value != event.kv.value) {
        return Some(format!("{} was to keep its value, which changed", name()));
    }
    if put.ignore_lease && previous.is_none_or(|kv| kv.lease != event.kv.lease) {
        return Some(format!("{} was to keep its lease, and has lease {:x}", name(), event.kv.lease));
    }
    let version = previous.map_or(1, |kv| kv.version + 1);
    let created = previous.map_or(revision + 1, |kv| kv.create_revision);
    let found = (event.kv.version, event.kv.create_revision);
    (found != (version, created)).then(|| {
        format!("{} must be version {version}, created at revision {created}; it is version {}, created at {}", name(), found.0, found.1)
    })
}

/// A hash of the events of a revision, to find two with the same content.
pub(super) fn content_hash(events: &[WatchEvent]) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    for event in events {
        (event.deleted, &event.kv.key).hash(&mut hasher);
        if !event.deleted {
            (&event.kv.value, event.kv.lease).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// The look-up key of an attempt: its first put. `None` if it only deletes.
pub(super) fn sent_anchor(sent: &[TxnOp]) -> Option<u64> {
    sent.iter().find_map(|operation| match operation {
        TxnOp::Put(put) => Some(anchor(&put.key, (!put.ignore_value).then_some(&put.value))),
        TxnOp::Range(_) | TxnOp::Delete(_) | TxnOp::Txn(_) => None,
    })
}

/// The look-up keys of a revision: its first put, with its value or without it, for an attempt that keeps the value.
pub(super) fn event_anchors(events: &[WatchEvent]) -> Option<[u64; 2]> {
    let first = events.iter().find(|event| !event.deleted)?;
    Some([Some(&first.kv.value), None].map(|value| anchor(&first.kv.key, value)))
}

fn anchor(key: &Blob, value: Option<&Blob>) -> u64 {
    FxBuildHasher.hash_one((key, value))
}
