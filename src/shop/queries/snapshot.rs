//! Reads of one query, all at one revision: the one at which the first of them was answered.

use ticketcd_judge::history::call::{CallOutcome, Purpose};
use ticketcd_judge::history::request::{Answer, AnswerBody, KeyValue, Range, Request, Txn, TxnAnswerBody, TxnOp};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::{Blob, Revision};

use super::QueryError;
use crate::etcd::Caller;

/// Keys in one answer.
const PAGE_KEYS: i64 = 500;
/// Operations that etcd takes in one transaction.
const OPERATIONS_MAX: usize = 128;

/// The reads of one query.
pub struct Snapshot<'caller> {
    caller: &'caller mut Caller,
    purpose: Purpose,
    /// 0 until the first answer.
    revision: Revision,
}

impl<'caller> Snapshot<'caller> {
    /// A snapshot that the first read fixes.
    pub fn new(caller: &'caller mut Caller, purpose: Purpose) -> Self {
        Self { caller, purpose, revision: 0 }
    }

    /// The revision of all its reads; 0 before the first.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// One key, if it exists.
    pub async fn key(&mut self, key: Blob) -> Result<Option<KeyValue>, QueryError> {
        let answer = self.ask(Request::Range(Range { key, revision: self.revision, ..Range::default() })).await?;
        match answer {
            AnswerBody::Range(range) => Ok(range.kvs.into_iter().next()),
            _ => Err(QueryError::Shape),
        }
    }

    /// Every key that begins with `prefix`, page by page.
    pub async fn prefix(&mut self, prefix: &Blob) -> Result<Vec<KeyValue>, QueryError> {
        let range_end = prefix_end(prefix.as_bytes());
        let mut key = prefix.clone();
        let mut found = Vec::new();
        loop {
            let range = Range { key, range_end: range_end.clone(), revision: self.revision, limit: PAGE_KEYS, ..Range::default() };
            let AnswerBody::Range(page) = self.ask(Request::Range(range)).await? else { return Err(QueryError::Shape) };
            let next = page.kvs.last().map(|last| behind(&last.key));
            found.extend(page.kvs);
            match next {
                Some(next) if page.more => key = next,
                _ => return Ok(found),
            }
        }
    }

    /// Every key that begins with one of `prefixes`, many prefixes in one round trip.
    pub async fn prefixes(&mut self, prefixes: &[Blob]) -> Result<Vec<KeyValue>, QueryError> {
        let mut found = Vec::new();
        for chunk in prefixes.chunks(OPERATIONS_MAX) {
            let range = |prefix: &Blob| {
                let range_end = prefix_end(prefix.as_bytes());
                TxnOp::Range(Range { key: prefix.clone(), range_end, revision: self.revision, ..Range::default() })
            };
            let txn = Txn { guards: Vec::new(), success: chunk.iter().map(range).collect(), failure: Vec::new() };
            let AnswerBody::Txn { responses, .. } = self.ask(Request::Txn(txn)).await? else { return Err(QueryError::Shape) };
            for response in responses {
                let TxnAnswerBody::Range(range) = response.body else { return Err(QueryError::Shape) };
                found.extend(range.kvs);
            }
        }
        Ok(found)
    }

    async fn ask(&mut self, request: Request) -> Result<AnswerBody, QueryError> {
        match self.caller.read(self.purpose, request).await {
            CallOutcome::Ok(Answer { revision, body, .. }) => {
                if self.revision == 0 {
                    self.revision = revision;
                }
                Ok(body)
            }
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => {
                Err(QueryError::NotAnswered { code, message })
            }
        }
    }
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
