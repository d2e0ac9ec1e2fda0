//! Indexes: search by type, location and word finds all matching events, and only those.
//!
//! * Every event that an index lists exists, is of that type, at that location, or has that word in its name or description.
//! * Every event is listed under its type, its location and each word of its name and description: runs of letters and
//!   digits, at least three of them, in lower case.
//!
//! Source: query 1 of the original TickETCD (search by type, location and text) and its dataset. Nothing changes the indexes
//! during a sale, so this verifies that etcd kept what was written before it: in the audited content of each member, and for
//! equal contents once.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::core::anomalies::{Anomalies, evidence, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::audits::{Audits, stage_name};
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Anomaly, Finding};
use crate::shop::model::records::EventRecord;
use crate::shop::model::{Keyspace, ShopKey};
use ticketcd_history::audit::{AuditClosed, AuditPage, AuditStage};
use ticketcd_history::event::Event;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::{Blob, MemberIndex, Nanos, seconds};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "indexes",
    promise: "A search by type, location and word returns all matching events, and only those.",
    source: "query 4 of the original TickETCD",
    kinds: &[&MISSING_ENTRY, &WRONG_ENTRY, &DANGLING_ENTRY],
    basis: Basis::Log,
    view: None,
    online: false,
};

static MISSING_ENTRY: AnomalyKind = AnomalyKind::new("missing_entry", "An index does not list an event that belongs in it.");
static WRONG_ENTRY: AnomalyKind = AnomalyKind::new("wrong_entry", "An index lists an event that does not belong in it.");
static DANGLING_ENTRY: AnomalyKind = AnomalyKind::new("dangling_entry", "An index lists an event that does not exist.");

/// Shorter words are not in the index.
const WORD_LETTERS_MIN: usize = 3;

/// The check.
#[derive(Debug)]
pub struct Indexes {
    keys: Keyspace,
    audits: Audits,
    /// The content read so far of members whose audit is in progress.
    reading: FxHashMap<(AuditStage, MemberIndex), Content>,
    /// Contents that are already judged.
    judged: FxHashSet<Content>,
    anomalies: Anomalies,
    events: u64,
    index_keys: u64,
    entries: u64,
    unreadable: u64,
}

/// A member's events and indexes, as read.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Content {
    events: Vec<(Blob, Blob)>,
    indexes: Vec<(Blob, Blob)>,
}

/// An audited member, as the place of an anomaly.
struct AuditedMember {
    stage: AuditStage,
    member: MemberIndex,
    at: Nanos,
}

impl Indexes {
    /// The check of one run.
    pub fn new(info: &RunInfo) -> Self {
        Self {
            keys: Keyspace::new(info.prefix.as_str()),
            audits: Audits::default(),
            reading: FxHashMap::default(),
            judged: FxHashSet::default(),
            anomalies: Anomalies::new(),
            events: 0,
            index_keys: 0,
            entries: 0,
            unreadable: 0,
        }
    }

    fn page(&mut self, page: &AuditPage) {
        let content = self.reading.entry((page.stage, page.member)).or_default();
        for kv in &page.kvs {
            match self.keys.parse(kv.key.as_bytes()) {
                Some(ShopKey::Event(_)) => content.events.push((kv.key.clone(), kv.value.clone())),
                Some(ShopKey::SearchType(_) | ShopKey::SearchLocation(_) | ShopKey::SearchText(_)) => {
                    content.indexes.push((kv.key.clone(), kv.value.clone()));
                }
                _ => {}
            }
        }
    }

    fn closed(&mut self, closed: &AuditClosed) {
        let AuditClosed { stage, member, at, .. } = *closed;
        let Some(content) = self.reading.remove(&(stage, member)) else { return };
        // Only a complete audit at rest counts as a content.
        if !self.audits.facts(stage).any(|(read, _)| read == member) || self.judged.contains(&content) {
            return;
        }
        self.judge(&content, &AuditedMember { stage, member, at });
        self.judged.insert(content);
    }

    fn judge(&mut self, content: &Content, audited: &AuditedMember) {
        let keys = self.keys.clone();
        let mut events: BTreeMap<&str, EventRecord> = BTreeMap::new();
        for (key, value) in &content.events {
            match (keys.parse(key.as_bytes()), serde_json::from_slice(value.as_bytes())) {
                (Some(ShopKey::Event(id)), Ok(record)) => drop(events.insert(id, record)),
                _ => self.unreadable += 1,
            }
        }
        let mut indexes: FxHashMap<&Blob, Vec<String>> = FxHashMap::default();
        for (key, value) in &content.indexes {
            match serde_json::from_slice(value.as_bytes()) {
                Ok(ids) => drop(indexes.insert(key, ids)),
                Err(_) => self.unreadable += 1,
            }
        }
        self.events = self.events.max(events.len() as u64);
        self.index_keys = self.index_keys.max(indexes.len() as u64);
        // A shop without any index has nothing to judge.
        if indexes.is_empty() {
            return;
        }
        for (key, _) in &content.indexes {
            for id in indexes.get(key).into_iter().flatten() {
                self.entries += 1;
                self.judge_entry(audited, key, id, events.get(id.as_str()));
            }
        }
        for (id, record) in &events {
            self.judge_event(audited, id, record, &indexes);
        }
    }

    /// Judges an event that an index lists.
    fn judge_entry(&mut self, audited: &AuditedMember, key: &Blob, id: &str, record: Option<&EventRecord>) {
        let Some(record) = record else {
            return self.add(&DANGLING_ENTRY, audited, key, format!("lists event {id}, which does not exist"));
        };
        let is_right = match self.keys.parse(key.as_bytes()) {
            Some(ShopKey::SearchType(kind)) => record.kind == kind,
            Some(ShopKey::SearchLocation(location)) => record.location == location,
            Some(ShopKey::SearchText(word)) => {
                format!("{} {}", record.name, record.description).to_lowercase().contains(&word.to_lowercase())
            }
            _ => true,
        };
        if !is_right {
            let EventRecord { name, kind, location, .. } = record;
            let article = if kind.to_lowercase().starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            self.add(&WRONG_ENTRY, audited, key, format!("lists event {id}, which is ‘{name}’, {article} {kind} in {location}"));
        }
    }

    /// Judges whether an event is listed wherever it belongs.
    fn judge_event(&mut self, audited: &AuditedMember, id: &str, record: &EventRecord, indexes: &FxHashMap<&Blob, Vec<String>>) {
        let words = words(record);
        let by_word = words.iter().map(|word| self.keys.search_text(word));
        let wanted: Vec<Blob> =
            [self.keys.search_type(&record.kind), self.keys.search_location(&record.location)].into_iter().chain(by_word).collect();
        for key in wanted {
            let is_listed = indexes.get(&key).is_some_and(|ids| ids.iter().any(|listed| listed == id));
            if !is_listed {
                self.add(&MISSING_ENTRY, audited, &key, format!("does not list event {id} ‘{}’, which belongs there", record.name));
            }
        }
    }

    fn add(&mut self, kind: &'static AnomalyKind, audited: &AuditedMember, key: &Blob, what: String) {
        let AuditedMember { stage, member, at } = audited;
        let anomaly = Anomaly {
            explanation: vec![format!("At {}, {} ({:.3} s), {} {what}.", member.name(), stage_name(*stage), seconds(*at), key.to_text())],
            severity: 1,
            keys: vec![key.to_text()],
            members: vec![member.name()],
            ..Anomaly::default()
        };
        self.anomalies.add(kind, *at, anomaly);
    }
}

impl Check for Indexes {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        kind == ObservationKind::Event
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        let Observation::Event(event) = observation else { return };
        self.audits.observe(event);
        match event {
            Event::AuditPage(page) => self.page(page),
            Event::AuditClosed(closed) => self.closed(closed),
            _ => {}
        }
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let mut reasons = self.audits.missing(AuditStage::Healed, end.info);
        let mut when = |so: bool, reason: &str| reasons.extend(so.then(|| reason.to_owned()));
        when(self.events > 0 && self.index_keys == 0, "No index was found.");
        when(self.judged.is_empty(), "No member was read to the end.");
        when(self.unreadable > 0, "Some events or indexes could not be read.");
        let counts = evidence([
            ("contents", self.judged.len() as u64),
            ("events", self.events),
            ("index_keys", self.index_keys),
            ("entries", self.entries),
        ]);
        self.anomalies.into_finding(&CHECK, counts, one_reason(&reasons))
    }
}

/// The words an event is found by.
fn words(record: &EventRecord) -> FxHashSet<String> {
    let text = format!("{} {}", record.name, record.description).to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| word.chars().count() >= WORD_LETTERS_MIN).map(str::to_owned).collect()
}
