//! What is said between the harness and a script, one JSON object in a line: see `docs/command.md`.

use serde::{Deserialize, Serialize};
use ticketcd_judge::history::Blob;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{
    Answer, AnswerBody, Delete, Guard, GuardTarget, KeyValue, Put, Range, RangeAnswer, Relation, Request, Txn, TxnAnswer, TxnAnswerBody,
    TxnOp,
};
use ticketcd_judge::model::keys::prefix_end;

use crate::shop::{Order, Shop};

/// What a script may say.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Said {
    /// Read this.
    Range(Wanted),
    /// Try this.
    Txn(Wish),
    /// The order is carried out.
    Sold(bool),
    /// There are too few left.
    SoldOut(bool),
    /// It cannot be carried out, for this reason.
    Rejected(String),
    /// Given up after conflicts.
    Conflict(bool),
}

/// What a line of a script should have been.
pub(super) const EXPECTED: &str =
    r#"one of {"range": …}, {"txn": …}, {"sold": true}, {"sold_out": true}, {"rejected": "why"}, {"conflict": true}"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    key: String,
    #[serde(default)]
    prefix: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    #[serde(default)]
    guards: Vec<Condition>,
    #[serde(default)]
    success: Vec<Step>,
    #[serde(default)]
    failure: Vec<Step>,
}

/// A condition: the key's last write was this one, or its value is this.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    key: String,
    #[serde(default)]
    mod_revision: Option<i64>,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Range(Wanted),
    Put(Written),
    Delete(Wanted),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: String,
    value: String,
}

/// The order, as a line for the script.
#[derive(Serialize)]
pub(super) struct OrderLine<'order> {
    order: Task<'order>,
}

#[derive(Serialize)]
struct Task<'order> {
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
        Self { order: Task { id, user: &order.user, event: &order.event, date: &shop.date, items, prefix: shop.keys.prefix() } }
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

impl Wanted {
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

impl Wish {
    /// # Errors
    /// What is wrong with a guard.
    pub(super) fn into_txn(self) -> Result<Txn, String> {
        let guards = self.guards.into_iter().map(Condition::into_guard).collect::<Result<_, _>>()?;
        let steps = |steps: Vec<Step>| steps.into_iter().map(Step::into_operation).collect();
        Ok(Txn { guards, success: steps(self.success), failure: steps(self.failure) })
    }
}

impl Condition {
    fn into_guard(self) -> Result<Guard, String> {
        let target = match (self.mod_revision, self.value) {
            (Some(revision), None) => GuardTarget::ModRevision(revision),
            (None, Some(value)) => GuardTarget::Value(value.into()),
            _ => return Err(format!("the guard of {} needs either mod_revision or value", self.key)),
        };
        Ok(Guard { key: self.key.into(), range_end: Blob::default(), target, relation: Relation::Equal })
    }
}

impl Step {
    fn into_operation(self) -> TxnOp {
        match self {
            Self::Range(wanted) => TxnOp::Range(wanted.into_range()),
            Self::Put(written) => TxnOp::Put(Put { key: written.key.into(), value: written.value.into(), ..Put::default() }),
            Self::Delete(wanted) => TxnOp::Delete(Delete { range_end: wanted.end(), key: wanted.key.into(), ..Delete::default() }),
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
