//! Similar names that exist, for a mistyped one.

use ticketcd_judge::history::Blob;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::request::{AnswerBody, KeyValue, Range, Request};
use ticketcd_judge::model::Keyspace;
use ticketcd_judge::model::keys::prefix_end;

use super::QueryError;
use crate::etcd::{CallError, RecordingClient};
use crate::settings::nearest;

/// Names that are looked at for each beginning: what is not among them is not offered.
const NAMES_MAX: i64 = 1000;
/// Letters at the beginning that are taken for right, one guess after the other: there may be too many names to look at
/// all of them.
const LETTERS_RIGHT: [usize; 3] = [4, 1, 0];

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A user.
    User,
    /// An event, by its id.
    Event,
    /// An event type.
    Type,
    /// A location.
    Location,
}

impl Named {
    /// Its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Event => "event",
            Self::Type => "event type",
            Self::Location => "location",
        }
    }

    fn key(self, keys: &Keyspace, name: &str) -> Blob {
        match self {
            Self::User => keys.user(name),
            Self::Event => keys.event(name),
            Self::Type => keys.search_type(name),
            Self::Location => keys.search_location(name),
        }
    }
}

/// Whether it exists now.
///
/// # Errors
/// When etcd does not answer.
pub async fn exists(keys: &Keyspace, caller: &mut RecordingClient, named: Named, name: &str) -> Result<bool, QueryError> {
    let range = Range { key: named.key(keys, name), keys_only: true, ..Range::default() };
    Ok(!ask(caller, range).await?.is_empty())
}

/// Whether there is no key at all under the prefix.
///
/// # Errors
/// When etcd does not answer.
pub async fn is_empty(keys: &Keyspace, caller: &mut RecordingClient) -> Result<bool, QueryError> {
    Ok(beginning_with(caller, keys.key(""), 1).await?.is_empty())
}

/// The first names there are, in order, at most `limit` of them and one more.
///
/// # Errors
/// When etcd does not answer.
pub async fn names_of(keys: &Keyspace, caller: &mut RecordingClient, named: Named, limit: u8) -> Result<Vec<String>, QueryError> {
    let family = named.key(keys, "");
    let found = beginning_with(caller, family.clone(), i64::from(limit) + 1).await?;
    Ok(behind(&family, &found))
}

/// The name most like one that does not exist, when one is like it at all.
///
/// # Errors
/// When etcd does not answer.
pub async fn nearest_name(keys: &Keyspace, caller: &mut RecordingClient, named: Named, name: &str) -> Result<Option<String>, QueryError> {
    let family = named.key(keys, "");
    for letters in LETTERS_RIGHT {
        let beginning: String = name.chars().take(letters).collect();
        let found = beginning_with(caller, named.key(keys, &beginning), NAMES_MAX).await?;
        let names = behind(&family, &found);
        if let Some(found) = nearest(name, names.iter().map(String::as_str)) {
            return Ok(Some(found.to_owned()));
        }
    }
    Ok(None)
}

/// The parts of the keys behind their family.
fn behind(family: &Blob, found: &[KeyValue]) -> Vec<String> {
    found.iter().filter_map(|kv| Some(kv.key.as_str()?.strip_prefix(family.as_str()?)?.to_owned())).collect()
}

async fn beginning_with(caller: &mut RecordingClient, prefix: Blob, limit: i64) -> Result<Vec<KeyValue>, QueryError> {
    ask(caller, Range { range_end: prefix_end(prefix.as_bytes()), key: prefix, limit, keys_only: true, ..Range::default() }).await
}

async fn ask(caller: &mut RecordingClient, range: Range) -> Result<Vec<KeyValue>, QueryError> {
    match CallError::answer(caller.call(Purpose::Search, &[], Request::Range(range)).await)?.body {
        AnswerBody::Range(found) => Ok(found.kvs),
        _ => Err(QueryError::Shape),
    }
}
