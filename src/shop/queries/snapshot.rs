//! Reads of one query, all at one revision: the one at which the first of them was answered.
//!
//! No answer is huge. However much a query reads, it asks for a bounded number of keys at a time, fewer of them where
//! their values are long.

use std::collections::VecDeque;

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, KeyValue, Range, RangeAnswer, Request, Txn, TxnAnswerBody, TxnOp};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::keys::prefix_end;

use super::QueryError;
use crate::etcd::errors::{self, Cause};
use crate::etcd::{CallError, RecordingClient};

/// Keys in one answer, at most.
pub const PAGE_KEYS_MAX: usize = 512;
/// Keys in the first answer, before it is known how long the values are.
const FIRST_PAGE_KEYS: usize = 128;
/// Bytes in one answer, about: the next one is sized by what the last one weighed.
const PAGE_BYTES: usize = 256 << 10;
/// Operations that etcd accepts in one transaction.
const OPERATIONS_MAX: usize = 128;
/// Keys that each range of a transaction may answer with, at least: as many as an event has ticket types, mostly.
const RANGE_KEYS_MIN: usize = 4;
/// How often a query begins, when what it reads is compacted away meanwhile.
const BEGINNINGS_MAX: u32 = 5;

/// Something to read.
#[derive(Clone, Debug)]
pub enum Selection {
    /// One key, if it exists.
    Key(Blob),
    /// Every key that begins so.
    Prefix(Blob),
    /// Whether any key begins so: the first of them, without its value.
    Probe(Blob),
}

/// A range that is still to be read, or the rest of one.
#[derive(Debug)]
struct Open {
    key: Blob,
    range_end: Blob,
    is_probe: bool,
}

/// The reads of one query.
pub struct Snapshot<'caller> {
    caller: &'caller mut RecordingClient,
    purpose: Purpose,
    /// 0 until the first answer.
    revision: Revision,
    beginnings: u32,
    page_keys: usize,
}

impl<'caller> Snapshot<'caller> {
    /// A snapshot that the first read fixes.
    pub fn new(caller: &'caller mut RecordingClient, purpose: Purpose) -> Self {
        Self { caller, purpose, revision: 0, beginnings: 1, page_keys: FIRST_PAGE_KEYS }
    }

    /// The revision of all its reads; 0 before the first.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether the query that failed is to begin again, at a new revision: its revision was compacted away on the way, and
    /// that has not happened too often.
    pub fn begins_again(&mut self, error: &QueryError) -> bool {
        let again = matches!(error, QueryError::Compacted { .. }) && self.beginnings < BEGINNINGS_MAX;
        if again {
            self.beginnings += 1;
            self.revision = 0;
        }
        again
    }

    /// Every key that begins with `prefix`, page by page.
    pub async fn prefix(&mut self, prefix: Blob) -> Result<Vec<KeyValue>, QueryError> {
        self.all(vec![Selection::Prefix(prefix)]).await
    }

    /// Everything that is wanted, in order of keys; as much of it in one round trip as one answer may hold.
    pub async fn all(&mut self, wanted: Vec<Selection>) -> Result<Vec<KeyValue>, QueryError> {
        let mut open: VecDeque<Open> = wanted.into_iter().map(Open::from).collect();
        let mut found = Vec::new();
        while !open.is_empty() {
            let count = open.len().min(OPERATIONS_MAX).min((self.page_keys / RANGE_KEYS_MIN).max(1));
            let asked: Vec<Open> = open.drain(..count).collect();
            let pages = self.pages(&asked).await?;
            let (mut keys, mut bytes) = (0, 0);
            for (asked, page) in asked.into_iter().zip(pages) {
                keys += page.kvs.len();
                bytes += page.kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum::<usize>();
                if let Some(last) = page.kvs.last()
                    && page.more
                    && !asked.is_probe
                {
                    open.push_back(Open { key: behind(&last.key), ..asked });
                }
                found.extend(page.kvs);
            }
            self.page_keys = next_page(self.page_keys, keys, bytes);
        }
        found.sort_unstable_by(|left: &KeyValue, right| left.key.cmp(&right.key));
        Ok(found)
    }

    /// One page of each range, in one round trip.
    async fn pages(&mut self, asked: &[Open]) -> Result<Vec<RangeAnswer>, QueryError> {
        let limit = (self.page_keys / asked.len().max(1)).max(1);
        // At most `PAGE_KEYS_MAX`.
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut ranges: Vec<Range> = asked.iter().map(|open| open.range(self.revision, limit)).collect();
        if ranges.len() == 1
            && let Some(range) = ranges.pop()
        {
            let AnswerBody::Range(page) = self.ask(Request::Range(range)).await? else { return Err(QueryError::Shape) };
            return Ok(vec![page]);
        }
        let success = ranges.into_iter().map(TxnOp::Range).collect();
        let txn = Txn { guards: Vec::new(), success, failure: Vec::new() };
        let AnswerBody::Txn { responses, .. } = self.ask(Request::Txn(txn)).await? else { return Err(QueryError::Shape) };
        if responses.len() != asked.len() {
            return Err(QueryError::Shape);
        }
        let page = |body| match body {
            TxnAnswerBody::Range(range) => Ok(range),
            TxnAnswerBody::Put { .. } | TxnAnswerBody::Delete { .. } | TxnAnswerBody::Txn { .. } => Err(QueryError::Shape),
        };
        responses.into_iter().map(|response| page(response.body)).collect()
    }

    async fn ask(&mut self, request: Request) -> Result<AnswerBody, QueryError> {
        match self.caller.read(self.purpose, request).await {
            CallOutcome::Ok(Answer { revision, body, .. }) => {
                if self.revision == 0 {
                    self.revision = revision;
                }
                Ok(body)
            }
            CallOutcome::Refused { code, message } if errors::cause(&code, &message) == Some(Cause::Compacted) => {
                Err(QueryError::Compacted { revision: self.revision, times: self.beginnings })
            }
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => Err(CallError { code, message }.into()),
        }
    }
}

impl From<Selection> for Open {
    fn from(wanted: Selection) -> Self {
        match wanted {
            Selection::Key(key) => Self { key, range_end: Blob::default(), is_probe: false },
            Selection::Prefix(prefix) => Self { range_end: prefix_end(prefix.as_bytes()), key: prefix, is_probe: false },
            Selection::Probe(prefix) => Self { range_end: prefix_end(prefix.as_bytes()), key: prefix, is_probe: true },
        }
    }
}

impl Open {
    fn range(&self, revision: Revision, limit: i64) -> Range {
        let limit = if self.is_probe { 1 } else { limit };
        Range { key: self.key.clone(), range_end: self.range_end.clone(), revision, limit, keys_only: self.is_probe, ..Range::default() }
    }
}

/// How many keys to ask for after an answer of so many keys and bytes: as many as weigh what an answer should, but not
/// many more than last time, for the next values may be longer.
fn next_page(page_keys: usize, keys: usize, bytes: usize) -> usize {
    if keys == 0 {
        return page_keys;
    }
    let fitting = PAGE_BYTES.saturating_mul(keys) / bytes.max(1);
    fitting.min(page_keys.saturating_mul(2)).clamp(1, PAGE_KEYS_MAX)
}

/// The first key behind this one.
fn behind(key: &Blob) -> Blob {
    let mut next = key.as_bytes().to_vec();
    next.push(0);
    next.into()
}

/// A value as JSON.
pub fn parse<T: serde::de::DeserializeOwned>(kv: &KeyValue) -> Result<T, QueryError> {
    serde_json::from_slice(kv.value.as_bytes()).map_err(|source| QueryError::Json { key: kv.key.to_text(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_come_few_at_a_time_and_short_ones_many() {
        assert_eq!(next_page(128, 128, 128 * 100), 256);
        assert_eq!(next_page(512, 512, 512 * 100), 512);
        assert_eq!(next_page(128, 100, 100 * (400 << 10)), 1, "one value is always asked for");
        assert_eq!(next_page(128, 10, 10 * (64 << 10)), 4);
        assert_eq!(next_page(1, 1, 100), 2, "one long value does not slow down the rest for ever");
        assert_eq!(next_page(128, 0, 0), 128);
    }
}
