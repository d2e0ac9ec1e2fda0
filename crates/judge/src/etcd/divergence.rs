//! Divergence: members that deliver different content for one revision. It is the root cause of every later finding.

use std::collections::BTreeMap;

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::excerpt::{excerpt, first_difference};
use crate::core::revision_log::Disagreement;
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::watch::WatchEvent;
use ticketcd_history::{MemberIndex, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "divergence",
    promise: "All members deliver the same content for the same revision.",
    source: "Raft's state machine safety",
    kinds: &[&MEMBERS_DISAGREE, &REVISION_REWRITTEN],
    basis: Basis::Deliveries,
    view: None,
    online: true,
};

static MEMBERS_DISAGREE: AnomalyKind =
    AnomalyKind::new("members_disagree", "Two members delivered different content for the same revision.");
static REVISION_REWRITTEN: AnomalyKind = AnomalyKind::new(
    "revision_rewritten",
    "A member delivered a revision again with different content, before any other member delivered it. If another member delivered it first, `members_disagree` is reported instead.",
);

/// Disagreements that other members may still join.
const PENDING_MAX: usize = 1_024;

/// The disagreements so far.
#[derive(Debug, Default)]
pub struct Divergence {
    anomalies: Anomalies,
    /// Those of the highest revisions: another member may still deliver the same second content, which belongs to the same disagreement.
    pending: BTreeMap<Revision, Vec<Pending>>,
    pending_count: usize,
}

/// A disagreement, with all members that delivered its second content.
#[derive(Debug)]
struct Pending {
    disagreement: Disagreement,
    members: Vec<MemberIndex>,
}

impl Pending {
    fn new(disagreement: &Disagreement) -> Self {
        Self { members: vec![disagreement.member], disagreement: disagreement.clone() }
    }
}

impl Divergence {
    fn add(&mut self, disagreement: &Disagreement) {
        let Disagreement { revision, member, .. } = *disagreement;
        if disagreement.others == [member] {
            self.anomalies.add(&REVISION_REWRITTEN, disagreement.at, describe(&Pending::new(disagreement), true));
            return;
        }
        let pending = self.pending.entry(revision).or_default();
        match pending.iter_mut().find(|pending| pending.disagreement.events == disagreement.events) {
            Some(same) if same.members.contains(&member) => {}
            Some(same) => same.members.push(member),
            None => {
                pending.push(Pending::new(disagreement));
                self.pending_count += 1;
            }
        }
        while self.pending_count > PENDING_MAX {
            self.decide_first();
        }
    }

    /// Reports the disagreements of the lowest pending revision. Returns false if there are none.
    fn decide_first(&mut self) -> bool {
        let Some((_, decided)) = self.pending.pop_first() else { return false };
        self.pending_count -= decided.len();
        for mut pending in decided {
            pending.members.sort_unstable();
            self.anomalies.add(&MEMBERS_DISAGREE, pending.disagreement.at, describe(&pending, false));
        }
        true
    }
}

impl Check for Divergence {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        kind == ObservationKind::Delivery
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        if let Observation::Disagreement(disagreement) = observation {
            self.add(disagreement);
        }
    }

    fn alarm(&self) -> Option<String> {
        let pending = || self.pending.values().flatten().next().map(|pending| describe(pending, false).explanation.join(" "));
        self.anomalies.alarm().or_else(pending)
    }

    fn finish(mut self: Box<Self>, end: &End<'_>) -> Finding {
        while self.decide_first() {}
        let log = end.log;
        let counts = evidence([("revisions", log.revisions), ("deliveries_compared", log.compared)]);
        let lacking = match (log.revisions, log.members, log.compared) {
            (0, ..) => Some("No collector delivered a revision."),
            // One member cannot disagree with another.
            (_, 0 | 1, _) => None,
            (.., 0) => Some("No revision was delivered by two members, so nothing could be compared."),
            _ => None,
        };
        self.anomalies.into_finding(&CHECK, counts, lacking.map(str::to_owned))
    }
}

/// Describes who delivered what, and the differences.
fn describe(pending: &Pending, same_member: bool) -> Anomaly {
    let Disagreement { revision, at, events, others, other_events, .. } = &pending.disagreement;
    let (moment, who) = (seconds(*at), names(&pending.members));
    let mut explanation = Vec::new();
    if same_member {
        explanation.push(format!("{who} delivered revision {revision} twice, the second time ({moment:.3} s) with different content.",));
    } else {
        explanation.push(format!(
            "Members disagree about revision {revision}: {} delivered one content, {who} another ({moment:.3} s).",
            names(others),
        ));
    }
    let mut keys: Vec<String> = events.iter().map(|event| event.kv.key.to_text()).collect();
    match other_events {
        Some(other_events) => {
            let only_here = changes_in_words(events, other_events);
            let only_there = changes_in_words(other_events, events);
            let there = if same_member { "The first time".to_owned() } else { format!("On {}", names(others)) };
            let here = if same_member { "The second time".to_owned() } else { format!("On {who}") };
            explanation.push(format!("{there} it {only_there}."));
            explanation.push(format!("{here} it {only_here}."));
            keys.extend(other_events.iter().map(|event| event.kv.key.to_text()));
        }
        None => explanation.push(format!("On {who} it {}.", changes_in_words(events, &[]))),
    }
    keys.sort_unstable();
    keys.dedup();
    let mut members: Vec<MemberIndex> = others.iter().chain(&pending.members).copied().collect();
    members.sort_unstable();
    members.dedup();
    Anomaly {
        explanation,
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

/// The events that the other side lacks, in words.
fn changes_in_words(events: &[WatchEvent], other: &[WatchEvent]) -> String {
    const SHOWN_MAX: usize = 3;
    let different: Vec<&WatchEvent> = events.iter().filter(|event| !other.contains(event)).collect();
    if different.is_empty() {
        return "contains no other change".to_owned();
    }
    let mut words: Vec<String> = different.iter().take(SHOWN_MAX).map(|event| in_words(event, other)).collect();
    if different.len() > SHOWN_MAX {
        words.push(format!("{} more", different.len() - SHOWN_MAX));
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
