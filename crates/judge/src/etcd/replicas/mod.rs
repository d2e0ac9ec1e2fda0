//! Replicas: at rest every member has the same revision, the same hash, the same leases and the same content; and after a
//! restart of all members each has what it had before.
//!
//! Source: etcd replicates by Raft ("In Search of an Understandable Consensus Algorithm", Ongaro and Ousterhout, 2014: state
//! machine safety, no two members apply different entries at one index), and applying an entry is deterministic. So members
//! that have applied the same index must not differ in anything. Members at different indexes are not at rest: then only keys
//! that were last written before both are compared.
//!
//! Hashes are compared only at equal compact revisions and above them: at the compacted revision itself healthy members of
//! different versions return different hashes. Differences between contents are reported key by key.
//!
//! All contents are kept in one map from key-value to the members that have it: in a healthy cluster one copy.

mod difference;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use self::difference::{Side, compare};
use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::audits::{Audits, MemberSet, members_of, set_of, stage_name};
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::audit::{AuditFacts, AuditPage, AuditStage};
use ticketcd_history::event::Event;
use ticketcd_history::request::KeyValue;
use ticketcd_history::{Blob, MemberIndex, Nanos, Revision, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "replicas",
    promise: "At rest, and again after a restart of all members, every member has the same content.",
    source: "Raft's state machine safety, and etcd's durability",
    kinds: &[&DIFFERENT_HASH, &DIFFERENT_CONTENT, &DIFFERENT_REVISION, &DIFFERENT_LEASES, &LOST_AFTER_RESTART],
    basis: Basis::Log,
    view: None,
    online: false,
};

static DIFFERENT_HASH: AnomalyKind = AnomalyKind::new("different_hash", "Members at rest have different hashes at the same revision.");
static DIFFERENT_CONTENT: AnomalyKind = AnomalyKind::new("different_content", "Members at rest have different values of a key.");
static DIFFERENT_REVISION: AnomalyKind =
    AnomalyKind::new("different_revision", "Members at rest are at different revisions at the same applied index.");
static DIFFERENT_LEASES: AnomalyKind = AnomalyKind::new("different_leases", "Members at rest have different leases.");
static LOST_AFTER_RESTART: AnomalyKind = AnomalyKind::new("lost_after_restart", "A member lost data when all members were restarted.");

/// The check.
#[derive(Debug, Default)]
pub struct Replicas {
    audits: Audits,
    contents: FxHashMap<KeyValue, ReplicaSet>,
    /// Keys deleted after the first audit began, with the revision of the last deletion.
    deleted: FxHashMap<Blob, Revision>,
    auditing: bool,
    now: Nanos,
}

/// The members that have a key-value.
#[derive(Clone, Copy, Debug, Default)]
struct ReplicaSet {
    healed: MemberSet,
    restarted: MemberSet,
}

impl ReplicaSet {
    fn at(self, stage: AuditStage) -> MemberSet {
        match stage {
            AuditStage::Healed => self.healed,
            AuditStage::Restarted => self.restarted,
        }
    }
}

/// A member's position, from its audit.
#[derive(Clone, Copy)]
struct Position<'audits> {
    member: MemberIndex,
    facts: &'audits AuditFacts,
}

impl Check for Replicas {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Revision)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(event) => {
                self.audits.observe(event);
                match event {
                    Event::AuditPage(page) => self.page(page),
                    Event::AuditClosed(closed) => self.now = self.now.max(closed.at),
                    _ => {}
                }
            }
            Observation::Revision(revision) => {
                self.now = self.now.max(revision.at);
                if self.auditing {
                    for event in revision.events.iter().filter(|event| event.deleted) {
                        self.deleted.insert(event.kv.key.clone(), revision.revision);
                    }
                }
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let mut anomalies = Anomalies::new();
        let mut reasons = Vec::new();
        let mut compared = 0;
        for stage in [AuditStage::Healed, AuditStage::Restarted] {
            if self.audits.any(stage) {
                reasons.extend(self.audits.missing(stage, end.info));
                compared += self.compare_members(stage, &mut anomalies, &mut reasons);
            } else if stage == AuditStage::Healed || end.info.testbed.restarts_for_audit {
                reasons.push(format!("No member was read {}.", stage_name(stage)));
            }
        }
        compared += self.compare_restarts(end, &mut anomalies, &mut reasons);
        if compared == 0 && reasons.is_empty() {
            reasons.push("No two readings could be compared.".to_owned());
        }
        let audited = |stage| u64::from(self.audits.complete(stage).count_ones());
        let counts = evidence([
            ("members_healed", audited(AuditStage::Healed)),
            ("members_restarted", audited(AuditStage::Restarted)),
            ("comparisons", compared),
            ("key_values", self.contents.len() as u64),
        ]);
        anomalies.into_finding(&CHECK, counts, one_reason(&reasons))
    }
}

impl Replicas {
    fn page(&mut self, page: &AuditPage) {
        self.auditing = true;
        for kv in &page.kvs {
            // Not `entry`: nearly every key-value exists already, and `entry` would clone its bytes.
            let replicas = match self.contents.get_mut(kv) {
                Some(replicas) => replicas,
                None => self.contents.entry(kv.clone()).or_default(),
            };
            match page.stage {
                AuditStage::Healed => replicas.healed |= set_of(page.member),
                AuditStage::Restarted => replicas.restarted |= set_of(page.member),
            }
        }
    }

    /// Compares every member with the one that is furthest ahead; returns the number of comparisons.
    fn compare_members(&self, stage: AuditStage, anomalies: &mut Anomalies, reasons: &mut Vec<String>) -> u64 {
        let positions: Vec<Position<'_>> = self.audits.facts(stage).map(|(member, facts)| Position { member, facts }).collect();
        let furthest = positions.iter().rev().max_by_key(|position| (position.facts.after.applied_index, position.facts.after.revision));
        let Some(reference) = furthest else { return 0 };
        let others: Vec<_> = positions.iter().filter(|position| position.member != reference.member).collect();
        for other in &others {
            self.compare_positions(stage, reference, other, anomalies, reasons);
        }
        let (first, rest) = (reference.member, others.iter().fold(0, |set, other| set | set_of(other.member)));
        let all = rest | set_of(first);
        // Healthy members do not differ, so this comparison usually suffices.
        let differing: FxHashSet<&[u8]> = self
            .contents
            .iter()
            .filter(|(_, replicas)| replicas.at(stage) & all != 0 && replicas.at(stage) & all != all)
            .map(|(kv, _)| kv.key.as_bytes())
            .collect();
        let versions = self.versions(&differing);
        for other in &others {
            let same_index = other.facts.after.applied_index == reference.facts.after.applied_index;
            let ours = Side { member: first, stage, revision: reference.facts.after.revision };
            let theirs = Side { member: other.member, stage, revision: other.facts.after.revision };
            for (key, replicas) in &versions {
                let of = |member| replicas.iter().find(|(_, who)| who.at(stage) & set_of(member) != 0).map(|(kv, _)| *kv);
                let (here, there) = (of(first), of(other.member));
                // At different positions a key may have been written since; only what is older than both must be equal.
                let settled = here.is_some_and(|kv| kv.mod_revision <= theirs.revision);
                if here != there && (same_index || settled) {
                    anomalies.add(&DIFFERENT_CONTENT, self.now, compare(key, (ours, here), (theirs, there)));
                }
            }
        }
        others.len() as u64
    }

    fn compare_positions(
        &self,
        stage: AuditStage,
        first: &Position<'_>,
        other: &Position<'_>,
        anomalies: &mut Anomalies,
        reasons: &mut Vec<String>,
    ) {
        let (a, b) = (&first.facts.after, &other.facts.after);
        let mut found = |kind, severity, sentence: String| {
            let members = vec![first.member.name(), other.member.name()];
            let explanation = vec![format!("{sentence}, {} (at {:.1} s).", stage_name(stage), seconds(self.now))];
            anomalies.add(kind, self.now, Anomaly { explanation, severity, members, revision: Some(b.revision), ..Anomaly::default() });
        };
        let (one, two) = (first.member.name(), other.member.name());
        if a.applied_index == b.applied_index {
            let index = a.applied_index;
            if a.revision != b.revision {
                let sentence =
                    format!("Both have applied index {index}, but {one} is at revision {} and {two} at {}", a.revision, b.revision);
                found(&DIFFERENT_REVISION, a.revision.abs_diff(b.revision), sentence);
            }
            if first.facts.leases != other.facts.leases {
                let leases = |facts: &AuditFacts| facts.leases.iter().map(|lease| format!("{lease:x}")).collect::<Vec<_>>().join(" ");
                let sentence = format!("{one} has the leases [{}] and {two} has [{}]", leases(first.facts), leases(other.facts));
                found(&DIFFERENT_LEASES, 1, sentence);
            }
        } else {
            reasons.push(format!(
                "Member {two} had applied index {} and {one} index {}, {}: at least one was not at rest.",
                b.applied_index,
                a.applied_index,
                stage_name(stage)
            ));
        }
        let comparable = a.revision == b.revision && a.compact_revision == b.compact_revision && a.revision > a.compact_revision;
        if comparable && a.hash != b.hash {
            let sentence = format!("At revision {} the hash of {one} is {:08x} and that of {two} {:08x}", a.revision, a.hash, b.hash);
            found(&DIFFERENT_HASH, 1, sentence);
        }
    }

    /// Compares each member with itself before the restart; returns how many were compared.
    fn compare_restarts(&self, end: &End<'_>, anomalies: &mut Anomalies, reasons: &mut Vec<String>) -> u64 {
        let both = self.audits.complete(AuditStage::Healed) & self.audits.complete(AuditStage::Restarted);
        let revision = |stage, member| self.audits.facts(stage).find(|(of, _)| *of == member).map_or(0, |(_, facts)| facts.after.revision);
        let differing: FxHashSet<&[u8]> = self
            .contents
            .iter()
            .filter(|(_, replicas)| (replicas.healed ^ replicas.restarted) & both != 0)
            .map(|(kv, _)| kv.key.as_bytes())
            .collect();
        let versions = self.versions(&differing);
        for member in members_of(both) {
            let side = |stage| Side { member, stage, revision: revision(stage, member) };
            let (before, after) = (side(AuditStage::Healed), side(AuditStage::Restarted));
            if after.revision < before.revision {
                let (name, from, to) = (member.name(), before.revision, after.revision);
                let explanation =
                    vec![format!("{name} was at revision {from} before all members were restarted, and at revision {to} afterwards.")];
                let anomaly =
                    Anomaly { explanation, severity: from.abs_diff(to), revision: Some(to), members: vec![name], ..Anomaly::default() };
                anomalies.add(&LOST_AFTER_RESTART, self.now, anomaly);
            }
            let mut unexplained = 0u64;
            for (key, replicas) in &versions {
                let of = |stage: AuditStage| replicas.iter().find(|(_, who)| who.at(stage) & set_of(member) != 0).map(|(kv, _)| *kv);
                let (old, new) = (of(AuditStage::Healed), of(AuditStage::Restarted));
                if old == new {
                    continue;
                }
                let deleted_since = self.deleted.get(*key).is_some_and(|revision| *revision > before.revision);
                let lost = match new {
                    // Written since: the newer value is evidence enough.
                    Some(kv) => kv.mod_revision <= before.revision,
                    None if deleted_since => false,
                    None if after.revision <= before.revision || end.log.unbroken_until >= after.revision => true,
                    None => {
                        unexplained += 1;
                        false
                    }
                };
                if lost {
                    anomalies.add(&LOST_AFTER_RESTART, self.now, compare(key, (before, old), (after, new)));
                }
            }
            if unexplained > 0 {
                reasons.push(format!(
                    "Member {} lacks {unexplained} keys since the restart, and no recorded revision deleted them.",
                    member.name()
                ));
            }
        }
        u64::from(both.count_ones())
    }

    /// All key-values of these keys on any member, in the order of the keys.
    fn versions(&self, keys: &FxHashSet<&[u8]>) -> BTreeMap<&[u8], Vec<(&KeyValue, ReplicaSet)>> {
        let mut versions: BTreeMap<&[u8], Vec<(&KeyValue, ReplicaSet)>> = BTreeMap::new();
        if !keys.is_empty() {
            for (kv, replicas) in self.contents.iter().filter(|(kv, _)| keys.contains(kv.key.as_bytes())) {
                versions.entry(kv.key.as_bytes()).or_default().push((kv, *replicas));
            }
        }
        versions
    }
}
