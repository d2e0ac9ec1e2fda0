//! Compares of transactions, evaluated as etcd does.

use std::cmp::Ordering;

use crate::core::key_space::{KeyRange, Versions};
use ticketcd_history::request::{Guard, GuardTarget, KeyValue, Relation};
use ticketcd_history::{Blob, Revision};

/// A compare that does not hold.
#[derive(Debug)]
pub(crate) struct Failed<'call> {
    pub(crate) guard: &'call Guard,
    /// The key it fails for; `None` if the range had none.
    pub(crate) key: Option<KeyValue>,
}

/// The first compare that did not hold at a revision; `None` if all did.
pub(crate) fn first_failed<'call>(guards: &'call [Guard], versions: &Versions, revision: Revision) -> Option<Failed<'call>> {
    guards.iter().find_map(|guard| failed(guard, versions.range(KeyRange::new(&guard.key, &guard.range_end), revision)))
}

/// Evaluates a compare on the keys of its range; `None` if it holds.
///
/// A compare on a range must hold for every key of it. A key that does not exist compares as zeros; only its value compares as
/// false for every relation, because a message cannot distinguish it from an empty value.
pub(crate) fn failed<'call, 'key>(guard: &'call Guard, keys: impl Iterator<Item = &'key KeyValue>) -> Option<Failed<'call>> {
    let mut keys = keys.peekable();
    if keys.peek().is_none() {
        let holds = !matches!(guard.target, GuardTarget::Value(_)) && holds(guard, &KeyValue::default());
        return (!holds).then_some(Failed { guard, key: None });
    }
    keys.find(|kv| !holds(guard, kv)).map(|kv| Failed { guard, key: Some(kv.clone()) })
}

fn holds(guard: &Guard, kv: &KeyValue) -> bool {
    let ordering = match &guard.target {
        GuardTarget::Version(version) => kv.version.cmp(version),
        GuardTarget::CreateRevision(revision) => kv.create_revision.cmp(revision),
        GuardTarget::ModRevision(revision) => kv.mod_revision.cmp(revision),
        GuardTarget::Value(value) => kv.value.cmp(value),
        GuardTarget::Lease(lease) => kv.lease.cmp(lease),
    };
    match guard.relation {
        Relation::Equal => ordering == Ordering::Equal,
        Relation::NotEqual => ordering != Ordering::Equal,
        Relation::Greater => ordering == Ordering::Greater,
        Relation::Less => ordering == Ordering::Less,
    }
}

/// A compare in words: `the mod_revision of shop/ticket:e1:pink = 7`.
pub(crate) fn described(guard: &Guard) -> String {
    let (what, value) = match &guard.target {
        GuardTarget::Version(version) => ("version", version.to_string()),
        GuardTarget::CreateRevision(revision) => ("create_revision", revision.to_string()),
        GuardTarget::ModRevision(revision) => ("mod_revision", revision.to_string()),
        GuardTarget::Value(value) => ("value", shown(value)),
        GuardTarget::Lease(lease) => ("lease", format!("{lease:x}")),
    };
    let relation = match guard.relation {
        Relation::Equal => "=",
        Relation::NotEqual => "≠",
        Relation::Greater => ">",
        Relation::Less => "<",
    };
    let keys = match guard.range_end.is_empty() {
        true => guard.key.to_text(),
        false => format!("every key from {} to {}", guard.key.to_text(), guard.range_end.to_text()),
    };
    format!("the {what} of {keys} {relation} {value}")
}

/// Why a compare failed, in words: the fields of the key that compares can refer to.
pub(crate) fn state(failed: &Failed<'_>) -> String {
    let Some(kv) = &failed.key else { return "the key did not exist".to_owned() };
    let value = match failed.guard.target {
        GuardTarget::Value(_) => format!(", and held {}", shown(&kv.value)),
        _ => String::new(),
    };
    format!(
        "{} was version {}, created at revision {}, last written at revision {}, with lease {:x}{value}",
        kv.key.to_text(),
        kv.version,
        kv.create_revision,
        kv.mod_revision,
        kv.lease
    )
}

fn shown(value: &Blob) -> String {
    format!("`{}`", value.to_text().chars().take(80).collect::<String>())
}
