//! Whether the dataset under a prefix is complete, for queries and purchases.

use std::fmt;

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Range, Request};
use ticketcd_judge::model::Keyspace;

use super::marker::{self, Marker};
use crate::etcd::RecordingClient;

/// A dataset that is only partly written. Its text names what exists and the command that writes the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    marker: Marker,
    prefix: String,
}

/// Whether the dataset under the prefix is known to be incomplete. None when it is complete, when nothing is known of it (the
/// original TickETCD leaves no marker), and when no member answers: the next request reports that.
pub async fn unfinished(keys: &Keyspace, caller: &mut RecordingClient) -> Option<Unfinished> {
    let range = Range { key: marker::key(keys), ..Range::default() };
    let CallOutcome::Ok(Answer { body: AnswerBody::Range(found), .. }) = caller.call(Purpose::Seed, &[], Request::Range(range)).await
    else {
        return None;
    };
    let marker = found.kvs.first().and_then(|kv| Marker::parse(kv.value.as_bytes()))?;
    (!marker.is_complete()).then(|| Unfinished { marker, prefix: keys.prefix().to_owned() })
}

impl fmt::Display for Unfinished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { marker, prefix } = self;
        let (what, options) = (marker.describe(), marker.options());
        write!(
            formatter,
            "under the prefix {prefix:?} there is only {what}: its load was cut off, or is still under way. \
             This command writes the rest, with the same connection: ticketcd dataset load {options} --prefix {prefix}"
        )
    }
}
