//! The stock of an event as a buyer last saw it, and the read that fetches it.

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, KeyValue, Range, Request, Txn, TxnAnswer, TxnAnswerBody, TxnOp};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, Ticket};
use ticketcd_judge::model::{Keyspace, ShopKey};

use crate::etcd::{CallError, RecordingClient};

/// A value and the revision of the write it came from; 0 for a key that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// The value.
    pub value: T,
    /// Revision of the key's last write: what a guard compares.
    pub mod_revision: Revision,
}

/// The stock of an event as of one revision, and what one user has bought of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// The event; none when there is no such event.
    pub event: Option<Seen<EventRecord>>,
    /// Its tickets by type.
    pub tickets: Vec<(String, Seen<Ticket>)>,
    /// The value of the user's purchase key for this event, byte for byte; empty with revision 0 when there is none.
    pub purchases: Seen<Blob>,
    /// The user whose purchases these are; none when there are none.
    pub user: Option<String>,
}

/// Why the stock could not be read. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The request was refused, or not answered.
    #[error("the stock could not be read: {0}")]
    NotAnswered(#[from] CallError),
    /// The answer does not have the shape of the request.
    #[error("the answer does not fit the request")]
    Shape,
    /// A value is not what the shop keeps under its key.
    #[error("{key}: {source}")]
    Json {
        /// The key.
        key: String,
        /// What is wrong with the value.
        source: serde_json::Error,
    },
}

/// The reads that fetch a [`Stock`]: the event, all its tickets, the user's purchases. In one transaction they see one
/// revision.
pub fn reads(keys: &Keyspace, event: &str, user: &str) -> Vec<TxnOp> {
    let tickets = keys.tickets_of(event);
    let ranges = [
        Range { key: keys.event(event), ..Range::default() },
        Range { range_end: prefix_end(tickets.as_bytes()), key: tickets, ..Range::default() },
        Range { key: keys.purchase(user, event), ..Range::default() },
    ];
    ranges.into_iter().map(TxnOp::Range).collect()
}

/// Fetches the stock: one round trip, in the caller's read mode. A guard detects a stale stock. A refusal has no guard and must
/// not be based on it when the caller's [reads may be stale](RecordingClient::reads_may_be_stale).
///
/// # Errors
/// Why the stock could not be read. Nothing was written, so even an unanswered read is a plain refusal.
pub async fn fetch(keys: &Keyspace, caller: &mut RecordingClient, event: &str, user: &str) -> Result<Stock, ReadError> {
    let outcome = caller.read(Purpose::Purchase, request(keys, event, user)).await;
    Stock::parse(keys, &responses(outcome)?)
}

/// Fetches the current stock, through consensus in every read mode of the caller: one round trip. A refusal may be based on
/// it.
///
/// # Errors
/// As for [`fetch`].
pub async fn fetch_latest(keys: &Keyspace, caller: &mut RecordingClient, event: &str, user: &str) -> Result<Stock, ReadError> {
    let outcome = caller.call(Purpose::Purchase, &[], request(keys, event, user)).await;
    Stock::parse(keys, &responses(outcome)?)
}

fn request(keys: &Keyspace, event: &str, user: &str) -> Request {
    Request::Txn(Txn { guards: Vec::new(), success: reads(keys, event, user), failure: Vec::new() })
}

/// The answers to the operations of a transaction that only reads.
///
/// # Errors
/// When it was not answered, or with something else.
pub(in crate::shop) fn responses(outcome: CallOutcome) -> Result<Vec<TxnAnswer>, ReadError> {
    match CallError::answer(outcome)? {
        Answer { body: AnswerBody::Txn { responses, .. }, .. } => Ok(responses),
        _ => Err(ReadError::Shape),
    }
}

impl Stock {
    /// Takes the answers to [`reads`] apart.
    ///
    /// # Errors
    /// When a value is not what the shop keeps under its key.
    pub fn parse(keys: &Keyspace, answers: &[TxnAnswer]) -> Result<Self, ReadError> {
        let [event, by_type, purchases] = answers else { return Err(ReadError::Shape) };
        let event = found(event)?.first().map(record).transpose()?;
        let purchases = found(purchases)?;
        let user = purchases.first().and_then(|kv| match keys.parse(kv.key.as_bytes()) {
            Some(ShopKey::Purchase { user, .. }) => Some(user.to_owned()),
            _ => None,
        });
        Ok(Self { event, tickets: tickets(keys, found(by_type)?)?, purchases: raw(purchases), user })
    }

    /// The purchases of a user. When they are those of another, it is assumed that there are none: the guard finds out.
    pub fn purchases_of(&self, user: &str) -> Seen<Blob> {
        match &self.user {
            Some(owner) if owner == user => self.purchases.clone(),
            _ => Seen { value: Blob::default(), mod_revision: 0 },
        }
    }

    /// A revision at which all of it was true: that of the newest write in it.
    pub fn revision(&self) -> Revision {
        let tickets = self.tickets.iter().map(|(_, ticket)| ticket.mod_revision);
        let event = self.event.as_ref().map(|event| event.mod_revision);
        tickets.chain(event).chain([self.purchases.mod_revision]).max().unwrap_or(0)
    }

    /// The ticket of a type.
    pub fn ticket(&self, kind: &str) -> Option<&Seen<Ticket>> {
        self.tickets.iter().find(|(name, _)| name == kind).map(|(_, ticket)| ticket)
    }
}

/// What a range of a transaction found.
pub(super) fn found(answer: &TxnAnswer) -> Result<&[KeyValue], ReadError> {
    match &answer.body {
        TxnAnswerBody::Range(range) => Ok(&range.kvs),
        TxnAnswerBody::Put { .. } | TxnAnswerBody::Delete { .. } | TxnAnswerBody::Txn { .. } => Err(ReadError::Shape),
    }
}

/// The tickets that a range found, by type.
pub(super) fn tickets(keys: &Keyspace, kvs: &[KeyValue]) -> Result<Vec<(String, Seen<Ticket>)>, ReadError> {
    let mut by_type = Vec::new();
    for kv in kvs {
        if let Some(ShopKey::Ticket { kind, .. }) = keys.parse(kv.key.as_bytes()) {
            by_type.push((kind.to_owned(), record(kv)?));
        }
    }
    Ok(by_type)
}

/// A value as it was found, byte for byte; empty with revision 0 when there is none.
pub(super) fn raw(kvs: &[KeyValue]) -> Seen<Blob> {
    kvs.first()
        .map_or(Seen { value: Blob::default(), mod_revision: 0 }, |kv| Seen { value: kv.value.clone(), mod_revision: kv.mod_revision })
}

/// A value as a record, with its revision.
pub(super) fn record<T: serde::de::DeserializeOwned>(kv: &KeyValue) -> Result<Seen<T>, ReadError> {
    let value = serde_json::from_slice(kv.value.as_bytes()).map_err(|source| ReadError::Json { key: kv.key.to_text(), source })?;
    Ok(Seen { value, mod_revision: kv.mod_revision })
}
