//! How one key differs between two audits, in sentences.

use crate::core::audits::stage_name;
use crate::core::excerpt::{excerpt, first_difference};
use crate::core::verdict::Anomaly;
use ticketcd_history::audit::AuditStage;
use ticketcd_history::request::KeyValue;
use ticketcd_history::{MemberIndex, Revision};

/// An audit of a member's content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    /// Whose.
    pub(super) member: MemberIndex,
    /// When.
    pub(super) stage: AuditStage,
    /// At which revision.
    pub(super) revision: Revision,
}

/// The anomaly that a key differs between two audits. The more revisions between them, the worse.
pub(super) fn compare(key: &[u8], (left, ours): (Side, Option<&KeyValue>), (right, theirs): (Side, Option<&KeyValue>)) -> Anomaly {
    let name = String::from_utf8_lossy(key).into_owned();
    let mut explanation = vec![format!("{name} differs between {} and {}.", place(left), place(right))];
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => explanation.extend(fields(left, ours, right, theirs)),
        (ours, theirs) => explanation.extend([has(left, ours), has(right, theirs)]),
    }
    let written = |kv: Option<&KeyValue>| kv.map_or(0, |kv| kv.mod_revision);
    let mut members = vec![left.member.name(), right.member.name()];
    members.dedup();
    Anomaly {
        explanation,
        severity: written(ours).abs_diff(written(theirs)),
        revision: Some(written(ours).max(written(theirs))),
        keys: vec![name],
        members,
        ..Anomaly::default()
    }
}

fn place(side: Side) -> String {
    format!("{} {} (revision {})", side.member.name(), stage_name(side.stage), side.revision)
}

fn has(side: Side, kv: Option<&KeyValue>) -> String {
    let member = side.member.name();
    match kv {
        None => format!("{member} does not have it {}.", stage_name(side.stage)),
        Some(kv) => format!(
            "{member} has version {} {}, last written at revision {}: {}",
            kv.version,
            stage_name(side.stage),
            kv.mod_revision,
            excerpt(kv.value.as_bytes(), 0)
        ),
    }
}

fn fields(left: Side, ours: &KeyValue, right: Side, theirs: &KeyValue) -> Vec<String> {
    let (one, two) = if left.member == right.member {
        (stage_name(left.stage).to_owned(), stage_name(right.stage).to_owned())
    } else {
        (left.member.name(), right.member.name())
    };
    let numbers = [
        ("version", ours.version, theirs.version),
        ("create revision", ours.create_revision, theirs.create_revision),
        ("mod revision", ours.mod_revision, theirs.mod_revision),
        ("lease", ours.lease, theirs.lease),
    ];
    let different = numbers.iter().filter(|(_, here, there)| here != there);
    let mut sentences: Vec<String> = different.map(|(what, here, there)| format!("{what}: {one} {here}, {two} {there}.")).collect();
    if ours.value != theirs.value {
        let (here, there) = (ours.value.as_bytes(), theirs.value.as_bytes());
        let same = first_difference(here, there);
        sentences.push(format!("value: {one} {}, {two} {}", excerpt(here, same), excerpt(there, same)));
    }
    sentences
}
