//! Query 4: events by type, by location, by the beginning of a word, and by all of these together.

use std::collections::{BTreeMap, BTreeSet};

use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::request::KeyValue;
use ticketcd_judge::model::records::EventRecord;
use ticketcd_judge::model::{Keyspace, ShopKey};

use super::QueryError;
use super::snapshot::{Selection, Snapshot, parse};
use super::stock::{Elsewhere, TicketStock, stock_of};
use crate::etcd::RecordingClient;

/// What to search for. An event must match everything that is given; when nothing is given, every event matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The event's type.
    pub kind: Option<String>,
    /// Its location.
    pub location: Option<String>,
    /// The beginning of a word of its name or description; of several words when there are several.
    pub text: Option<String>,
}

/// The events that a search found, with their tickets, at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The revision.
    pub revision: Revision,
    /// The events, in order of their ids.
    pub events: Vec<FoundEvent>,
}

/// An event that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvent {
    /// Its id.
    pub id: String,
    /// What it is. None when an index names an event that does not exist.
    pub record: Option<EventRecord>,
    /// Its tickets by type.
    pub tickets: BTreeMap<String, TicketStock>,
}

/// The ids of the events that match, in order, at one revision.
///
/// # Errors
/// When etcd does not answer, or an index cannot be read.
pub async fn search(keys: &Keyspace, caller: &mut RecordingClient, wanted: &Search) -> Result<BTreeSet<String>, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Search);
    loop {
        match matching(&mut snapshot, keys, wanted, Vec::new()).await {
            Err(error) if snapshot.begins_again(&error) => {}
            outcome => return outcome.map(|(ids, _)| ids),
        }
    }
}

/// The events that match, with what they are and what is left of their tickets, all at one revision.
///
/// # Errors
/// When etcd does not answer, or a value cannot be read.
pub async fn events_of(keys: &Keyspace, caller: &mut RecordingClient, wanted: &Search) -> Result<Found, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Search);
    loop {
        match read(&mut snapshot, keys, wanted).await {
            Err(error) if snapshot.begins_again(&error) => {}
            outcome => return outcome,
        }
    }
}

/// One event, with what is left of its tickets, at one revision.
///
/// # Errors
/// As for [`events_of`].
pub async fn event_of(keys: &Keyspace, caller: &mut RecordingClient, event: &str) -> Result<Found, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Search);
    loop {
        match read_one(&mut snapshot, keys, event).await {
            Err(error) if snapshot.begins_again(&error) => {}
            outcome => return outcome,
        }
    }
}

async fn read_one(snapshot: &mut Snapshot<'_>, keys: &Keyspace, event: &str) -> Result<Found, QueryError> {
    let mut elsewhere = Elsewhere::default();
    let mut record = None;
    let wanted = [Selection::Key(keys.event(event))].into_iter().chain(Elsewhere::wanted(keys)).collect();
    for kv in snapshot.all(wanted).await? {
        match keys.parse(kv.key.as_bytes()) {
            Some(ShopKey::Event(_)) => record = Some(parse(&kv)?),
            Some(other) => elsewhere.observe(&other),
            None => {}
        }
    }
    let mut stocks = stock_of(snapshot, keys, &BTreeSet::from([event.to_owned()]), elsewhere).await?;
    let event = FoundEvent { id: event.to_owned(), record, tickets: stocks.remove(event).unwrap_or_default() };
    Ok(Found { revision: snapshot.revision(), events: vec![event] })
}

async fn read(snapshot: &mut Snapshot<'_>, keys: &Keyspace, wanted: &Search) -> Result<Found, QueryError> {
    let (ids, elsewhere) = matching(snapshot, keys, wanted, Elsewhere::wanted(keys).into()).await?;
    let mut stocks = stock_of(snapshot, keys, &ids, elsewhere).await?;
    let mut records: BTreeMap<String, EventRecord> = BTreeMap::new();
    for kv in snapshot.all(ids.iter().map(|id| Selection::Key(keys.event(id))).collect()).await? {
        if let Some(ShopKey::Event(id)) = keys.parse(kv.key.as_bytes()) {
            records.insert(id.to_owned(), parse(&kv)?);
        }
    }
    let event = |id: String| FoundEvent { record: records.remove(&id), tickets: stocks.remove(&id).unwrap_or_default(), id };
    Ok(Found { revision: snapshot.revision(), events: ids.into_iter().map(event).collect() })
}

/// The ids that match, and what was learnt from the keys that were `also` read.
async fn matching(
    snapshot: &mut Snapshot<'_>,
    keys: &Keyspace,
    wanted: &Search,
    also: Vec<Selection>,
) -> Result<(BTreeSet<String>, Elsewhere), QueryError> {
    let text = wanted.text.as_deref().unwrap_or_default().to_lowercase();
    let words: BTreeSet<&str> = text.split_whitespace().collect();
    let is_everything = wanted.kind.is_none() && wanted.location.is_none() && words.is_empty();
    let mut reads = also;
    reads.extend(is_everything.then(|| Selection::Prefix(keys.event(""))));
    reads.extend(wanted.kind.iter().map(|kind| Selection::Key(keys.search_type(kind))));
    reads.extend(wanted.location.iter().map(|location| Selection::Key(keys.search_location(location))));
    reads.extend(words.iter().map(|word| Selection::Prefix(keys.search_text(word))));
    let found = snapshot.all(reads).await?;
    let mut elsewhere = Elsewhere::default();
    found.iter().filter_map(|kv| keys.parse(kv.key.as_bytes())).for_each(|key| elsewhere.observe(&key));
    let mut matches = Vec::new();
    if is_everything {
        let id = |kv: &KeyValue| match keys.parse(kv.key.as_bytes()) {
            Some(ShopKey::Event(id)) => Some(id.to_owned()),
            _ => None,
        };
        matches.push(found.iter().filter_map(id).collect());
    }
    if wanted.kind.is_some() {
        matches.push(ids(keys, &found, |key| matches!(key, ShopKey::SearchType(_)))?);
    }
    if wanted.location.is_some() {
        matches.push(ids(keys, &found, |key| matches!(key, ShopKey::SearchLocation(_)))?);
    }
    for beginning in words {
        matches.push(ids(keys, &found, |key| matches!(key, ShopKey::SearchText(word) if word.starts_with(beginning)))?);
    }
    Ok((intersection(matches), elsewhere))
}

/// The ids that those index keys list, together.
fn ids(keys: &Keyspace, found: &[KeyValue], counts: impl Fn(&ShopKey<'_>) -> bool) -> Result<BTreeSet<String>, QueryError> {
    let mut together = BTreeSet::new();
    for index in found.iter().filter(|kv| keys.parse(kv.key.as_bytes()).is_some_and(|key| counts(&key))) {
        together.extend(parse::<Vec<String>>(index)?);
    }
    Ok(together)
}

fn intersection(matches: Vec<BTreeSet<String>>) -> BTreeSet<String> {
    matches.into_iter().reduce(|left, right| &left & &right).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_must_match_everything() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(intersection(vec![set(&["a", "b", "c"]), set(&["b", "c"]), set(&["c", "d"])]), set(&["c"]));
        assert_eq!(intersection(Vec::new()), set(&[]));
    }

    #[test]
    fn a_beginning_of_a_word_finds_all_its_words() {
        let keys = Keyspace::new("t/");
        let index = |key: &str, value: &str| KeyValue { key: format!("t/{key}").into(), value: value.into(), ..KeyValue::default() };
        let found =
            [index("search:text:rain", r#"["x","y"]"#), index("search:text:rare", r#"["y","z"]"#), index("search:type:a", r#"["w"]"#)];
        let begins_with =
            |beginning: &'static str| move |key: &ShopKey<'_>| matches!(key, ShopKey::SearchText(word) if word.starts_with(beginning));
        assert_eq!(ids(&keys, &found, begins_with("ra")).unwrap().into_iter().collect::<Vec<_>>(), ["x", "y", "z"]);
        assert_eq!(ids(&keys, &found, begins_with("rar")).unwrap().into_iter().collect::<Vec<_>>(), ["y", "z"]);
        assert!(matches!(ids(&keys, &[index("search:text:ra", "{")], begins_with("ra")), Err(QueryError::Json { .. })));
    }
}
