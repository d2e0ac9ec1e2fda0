//! The messages between the harness and a script, one JSON object in a line: see `docs/command.md`.

use serde::{Deserialize, Serialize};
use ticketcd_judge::history::Blob;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{
    Answer, AnswerBody, Delete, Guard, GuardTarget, KeyValue, Put, Range, RangeAnswer, Relation, Request, Txn, TxnAnswer, TxnAnswerBody,
    TxnOp,
};
use ticketcd_judge::model::keys::prefix_end;

use crate::shop::{Order, Shop};

/// A message of a script.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ScriptMessage {
    /// Read these keys.
    Range(RangeMessage),
    /// Try this transaction.
    Txn(TxnMessage),
    /// The order is sold.
    Sold(True),
    /// There are too few tickets left.
    SoldOut(True),
    /// The order cannot be carried out, for this reason.
    Rejected(String),
    /// The order is given up after conflicts.
    Conflict(True),
}

/// The value `true`, which is all that some messages carry.
#[derive(Debug, Deserialize)]
#[serde(try_from = "bool")]
pub(super) struct True;

/// A script sent `false` where only `true` has a meaning.
#[derive(Debug, thiserror::Error)]
#[error("the value must be true")]
pub(super) struct NotTrue;

impl TryFrom<bool> for True {
    type Error = NotTrue;

    fn try_from(value: bool) -> Result<Self, NotTrue> {
        if value { Ok(Self) } else { Err(NotTrue) }
    }
}

/// The messages of a script, for the error about a line that is none of them.
pub(super) const EXPECTED: &str =
    r#"one of {"range": …}, {"txn": …}, {"sold": true}, {"sold_out": true}, {"rejected": "why"}, {"conflict": true}"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeMessage {
    key: String,
    #[serde(default)]
    prefix: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TxnMessage {
    #[serde(default)]
    guards: Vec<GuardMessage>,
    #[serde(default)]
    success: Vec<OperationMessage>,
    #[serde(default)]
    failure: Vec<OperationMessage>,
}

/// A guard as it is written: the key's last write was at this revision, or its value is this.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GuardFields {
    key: String,
    #[serde(default)]
    mod_revision: Option<i64>,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "GuardFields")]
struct GuardMessage(Guard);

/// A guard compares exactly one of the two.
#[derive(Debug, thiserror::Error)]
#[error("the guard of {key} needs either mod_revision or value")]
struct AmbiguousGuard {
    key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum OperationMessage {
    Range(RangeMessage),
    Put(PutMessage),
    Delete(RangeMessage),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PutMessage {
    key: String,
    value: String,
}

/// The order, as a line for the script.
#[derive(Serialize)]
pub(super) struct OrderLine<'order> {
    order: OrderFields<'order>,
}

#[derive(Serialize)]
struct OrderFields<'order> {
    id: String,
    user: &'order str,
    event: &'order str,
    date: &'order str,
    items: Vec<Item<'order>>,
    prefix: &'order str,
}

#[derive(Serialize)]
struct Item<'order> {
    r#type: &'order str,
    quantity: i64,
}

impl<'order> OrderLine<'order> {
    pub(super) fn new(shop: &'order Shop, order: &'order Order) -> Self {
        let items = order.items.iter().map(|(kind, quantity)| Item { r#type: kind, quantity: *quantity }).collect();
        let id = shop.order_id(order.key);
        Self { order: OrderFields { id, user: &order.user, event: &order.event, date: &shop.date, items, prefix: shop.keys.prefix() } }
    }
}

/// An answer, as a line for the script.
#[derive(Debug, Default, Serialize)]
pub(super) struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    succeeded: Option<bool>,
    /// Of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    kvs: Option<Vec<Found>>,
    /// Of a transaction: one for each operation of the branch that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    responses: Option<Vec<Reply>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// With an error: whether the transaction may have been written all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    maybe_written: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Found {
    key: String,
    value: String,
    mod_revision: i64,
}

impl RangeMessage {
    pub(super) fn into_request(self) -> Request {
        Request::Range(self.into_range())
    }

    fn end(&self) -> Blob {
        if self.prefix { prefix_end(self.key.as_bytes()) } else { Blob::default() }
    }

    fn into_range(self) -> Range {
        Range { range_end: self.end(), key: self.key.into(), ..Range::default() }
    }
}

impl TxnMessage {
    pub(super) fn into_txn(self) -> Txn {
        let operations = |messages: Vec<OperationMessage>| messages.into_iter().map(OperationMessage::into_operation).collect();
        let guards = self.guards.into_iter().map(|GuardMessage(guard)| guard).collect();
        Txn { guards, success: operations(self.success), failure: operations(self.failure) }
    }
}

impl TryFrom<GuardFields> for GuardMessage {
    type Error = AmbiguousGuard;

    fn try_from(GuardFields { key, mod_revision, value }: GuardFields) -> Result<Self, AmbiguousGuard> {
        let target = match (mod_revision, value) {
            (Some(revision), None) => GuardTarget::ModRevision(revision),
            (None, Some(value)) => GuardTarget::Value(value.into()),
            _ => return Err(AmbiguousGuard { key }),
        };
        Ok(Self(Guard { key: key.into(), range_end: Blob::default(), target, relation: Relation::Equal }))
    }
}

impl OperationMessage {
    fn into_operation(self) -> TxnOp {
        match self {
            Self::Range(range) => TxnOp::Range(range.into_range()),
            Self::Put(put) => TxnOp::Put(Put { key: put.key.into(), value: put.value.into(), ..Put::default() }),
            Self::Delete(range) => TxnOp::Delete(Delete { range_end: range.end(), key: range.key.into(), ..Delete::default() }),
        }
    }
}

impl Reply {
    pub(super) fn new(outcome: &CallOutcome) -> Self {
        match outcome {
            CallOutcome::Ok(Answer { revision, body, .. }) => match body {
                AnswerBody::Range(range) => Self { revision: Some(*revision), ..Self::found(range) },
                AnswerBody::Txn { succeeded, responses } => {
                    let responses = responses.iter().map(|TxnAnswer { body, .. }| match body {
                        TxnAnswerBody::Range(range) => Self::found(range),
                        TxnAnswerBody::Put { .. } | TxnAnswerBody::Delete { .. } | TxnAnswerBody::Txn { .. } => Self::default(),
                    });
                    Self { revision: Some(*revision), succeeded: Some(*succeeded), responses: Some(responses.collect()), ..Self::default() }
                }
                _ => Self { revision: Some(*revision), ..Self::default() },
            },
            CallOutcome::Refused { code, message } => Self::failed(code, message, false),
            CallOutcome::Unknown { code, message } => Self::failed(code, message, true),
        }
    }

    fn failed(code: &str, message: &str, maybe_written: bool) -> Self {
        Self { error: Some(format!("{code}: {message}")), maybe_written: Some(maybe_written), ..Self::default() }
    }

    fn found(range: &RangeAnswer) -> Self {
        let found = |kv: &KeyValue| Found { key: kv.key.to_text(), value: kv.value.to_text(), mod_revision: kv.mod_revision };
        Self { kvs: Some(range.kvs.iter().map(found).collect()), ..Self::default() }
    }
}
