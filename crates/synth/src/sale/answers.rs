//! Answers, and keys as they are after a write.

use ticketcd_history::call::CallOutcome;
use ticketcd_history::request::{KeyValue, RangeAnswer};
use ticketcd_judge::model::{Blob, Revision};

/// No member took it on, or nobody can tell whether one did.
pub(super) fn unavailable() -> CallOutcome {
    CallOutcome::Unknown { code: "Unavailable".to_owned(), message: "error reading from server: EOF".to_owned() }
}

pub(super) fn refused() -> CallOutcome {
    CallOutcome::Refused { code: "Unavailable".to_owned(), message: "tcp connect error".to_owned() }
}

/// A range that found at most one key.
pub(super) fn found(kv: Option<&KeyValue>) -> RangeAnswer {
    let kvs: Vec<KeyValue> = kv.cloned().into_iter().collect();
    RangeAnswer { count: kvs.len() as i64, kvs, more: false }
}

/// A key is written.
pub(super) fn renew(kv: &mut KeyValue, value: Blob, revision: Revision) {
    (kv.value, kv.mod_revision) = (value, revision);
    kv.version += 1;
    if kv.create_revision == 0 {
        kv.create_revision = revision;
    }
}
