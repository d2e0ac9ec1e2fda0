//! Divergence: members that deliver different content for one revision. It is the root cause of whatever else is found.

use super::anomalies::{Anomalies, evidence};
use super::excerpt::{excerpt, first_difference};
use super::verdict::{Anomaly, Finding};
use crate::history::event::WatchEvent;
use crate::history::revision_log::{Disagreement, RevisionLog};
use crate::model::{MemberIndex, Revision, seconds};

/// Name of the finding.
const NAME: &str = "divergence";

/// The disagreements so far.
#[derive(Debug, Default)]
pub(super) struct Divergence {
    anomalies: Anomalies,
    /// The lowest revision about which members disagree.
    from: Option<Revision>,
}

impl Divergence {
    pub(super) fn add(&mut self, disagreement: &Disagreement) {
        let same_member = disagreement.others == [disagreement.member];
        let kind = if same_member { "revision_rewritten" } else { "members_disagree" };
        self.from = Some(self.from.map_or(disagreement.revision, |from| from.min(disagreement.revision)));
        self.anomalies.add(kind, disagreement.at, tell(disagreement, same_member));
    }

    pub(super) fn alarm(&self) -> Option<String> {
        self.anomalies.alarm()
    }

    /// The revision from which on the members do not have the same any more: the cause of whatever is found there or later.
    pub(super) fn from(&self) -> Option<Revision> {
        self.from
    }

    pub(super) fn finish(self, log: &RevisionLog) -> Finding {
        let counts = evidence([("revisions", log.revisions()), ("deliveries_compared", log.compared())]);
        let lacking = match (log.revisions(), log.members(), log.compared()) {
            (0, ..) => Some("No collector delivered a revision."),
            // One member cannot disagree with another.
            (_, 0 | 1, _) => None,
            (.., 0) => Some("No revision was delivered by two members, so nothing could be compared."),
            _ => None,
        };
        self.anomalies.into_finding(NAME, counts, lacking.map(str::to_owned))
    }
}

/// Tells who delivered what, and what differs.
fn tell(disagreement: &Disagreement, same_member: bool) -> Anomaly {
    let Disagreement { revision, at, member, events, others, other_events } = disagreement;
    let moment = seconds(*at);
    let mut story = Vec::new();
    if same_member {
        story.push(format!(
            "{} delivered revision {revision} twice, and the second time ({moment:.3} s) it says something else.",
            member.name()
        ));
    } else {
        story.push(format!(
            "Members disagree about revision {revision}: {} delivered one content, {} another ({moment:.3} s).",
            names(others),
            member.name()
        ));
    }
    let mut keys: Vec<String> = events.iter().map(|event| event.kv.key.to_text()).collect();
    match other_events {
        Some(other_events) => {
            let only_here = told(events, other_events);
            let only_there = told(other_events, events);
            let there = if same_member { "The first time".to_owned() } else { format!("On {}", names(others)) };
            let here = if same_member { "The second time".to_owned() } else { format!("On {}", member.name()) };
            story.push(format!("{there} it {only_there}."));
            story.push(format!("{here} it {only_here}."));
            keys.extend(other_events.iter().map(|event| event.kv.key.to_text()));
        }
        None => story.push(format!("On {} it {}.", member.name(), told(events, &[]))),
    }
    keys.sort_unstable();
    keys.dedup();
    let mut members: Vec<MemberIndex> = others.iter().copied().chain([*member]).collect();
    members.sort_unstable();
    members.dedup();
    Anomaly {
        story,
        severity: keys.len() as u64,
        revision: Some(*revision),
        keys,
        members: members.into_iter().map(MemberIndex::name).collect(),
        ..Anomaly::default()
    }
}

fn names(members: &[MemberIndex]) -> String {
    let names: Vec<String> = members.iter().map(|member| member.name()).collect();
    names.join(" and ")
}

/// The events that the other side does not have, in words.
fn told(events: &[WatchEvent], other: &[WatchEvent]) -> String {
    const TOLD: usize = 3;
    let different: Vec<&WatchEvent> = events.iter().filter(|event| !other.contains(event)).collect();
    if different.is_empty() {
        return "has nothing that the other has not".to_owned();
    }
    let mut words: Vec<String> = different.iter().take(TOLD).map(|event| in_words(event, other)).collect();
    if different.len() > TOLD {
        words.push(format!("{} more", different.len() - TOLD));
    }
    words.join(", ")
}

fn in_words(event: &WatchEvent, others: &[WatchEvent]) -> String {
    let kv = &event.kv;
    let key = kv.key.to_text();
    if event.deleted {
        return format!("deletes {key}");
    }
    let value = kv.value.as_bytes();
    let other = others.iter().find(|other| !other.deleted && other.kv.key == kv.key);
    let around = other.map_or(0, |other| first_difference(value, other.kv.value.as_bytes()));
    let shown = excerpt(value, around);
    format!("puts {key} = {shown} (version {}, created at revision {})", kv.version, kv.create_revision)
}
