//! Query 4: events by type, by location, by the beginning of a word, and by all of these together.

use std::collections::BTreeSet;

use ticketcd_judge::history::call::Purpose;
use ticketcd_judge::history::request::KeyValue;
use ticketcd_judge::model::Keyspace;

use super::QueryError;
use super::snapshot::{Snapshot, parse};
use crate::etcd::Caller;

/// What to search for. An event must match everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The event's type.
    pub kind: Option<String>,
    /// Its location.
    pub location: Option<String>,
    /// The beginning of a word of its name or description.
    pub text: Option<String>,
}

/// The ids of the events that match, in order, at one revision. A search for nothing finds nothing.
///
/// # Errors
/// When etcd does not answer, or an index cannot be read.
pub async fn search(keys: &Keyspace, caller: &mut Caller, wanted: &Search) -> Result<BTreeSet<String>, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Search);
    let mut matches = Vec::new();
    if let Some(kind) = &wanted.kind {
        matches.push(ids(snapshot.key(keys.search_type(kind)).await?.as_slice())?);
    }
    if let Some(location) = &wanted.location {
        matches.push(ids(snapshot.key(keys.search_location(location)).await?.as_slice())?);
    }
    if let Some(text) = &wanted.text {
        matches.push(ids(&snapshot.prefix(&keys.search_text(text.to_lowercase())).await?)?);
    }
    Ok(intersection(matches))
}

/// The ids that index keys list, together.
fn ids(indexes: &[KeyValue]) -> Result<BTreeSet<String>, QueryError> {
    let mut together = BTreeSet::new();
    for index in indexes {
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
        let index = |value: &str| KeyValue { value: value.into(), ..KeyValue::default() };
        let found = ids(&[index(r#"["x","y"]"#), index(r#"["y","z"]"#)]).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["x", "y", "z"]);
        assert!(matches!(ids(&[index("{")]), Err(QueryError::Json { .. })));
    }
}
