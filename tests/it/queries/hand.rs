//! Writes of a shop made by hand: what strategies do to stock and purchases, without them.

use serde_json::{Value, json};
use ticketcd::etcd::Client;
use ticketcd_judge::history::Blob;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{
    Answer, AnswerBody, Delete, Guard, GuardTarget, Put, Range, Relation, Request, Txn, TxnAnswerBody, TxnOp,
};

use super::PREFIX;
use super::naive::number;
use crate::member::TIMEOUT;

/// Reads `keys` at one revision, lets `change` change their values (`Null` is a key that is not there), and writes them
/// back in one transaction, if none was written meanwhile. Says whether it did.
pub async fn rewrite(client: &Client, keys: &[String], change: impl FnOnce(&mut [Value]) -> bool) -> bool {
    let full: Vec<Blob> = keys.iter().map(|key| format!("{PREFIX}{key}").into()).collect();
    let reads = full.iter().map(|key| TxnOp::Range(Range { key: key.clone(), ..Range::default() })).collect();
    let CallOutcome::Ok(Answer { body: AnswerBody::Txn { responses, .. }, .. }) =
        client.call(&Request::Txn(Txn { success: reads, ..Txn::default() }), TIMEOUT).await
    else {
        panic!("not read")
    };
    let (mut values, mut guards) = (Vec::new(), Vec::new());
    for (key, response) in full.iter().zip(responses) {
        let TxnAnswerBody::Range(found) = response.body else { panic!() };
        let kv = found.kvs.first();
        values.push(kv.map_or(Value::Null, |kv| serde_json::from_slice(kv.value.as_bytes()).unwrap()));
        let target = GuardTarget::ModRevision(kv.map_or(0, |kv| kv.mod_revision));
        guards.push(Guard { key: key.clone(), range_end: Blob::default(), target, relation: Relation::Equal });
    }
    let before = values.clone();
    if !change(&mut values) {
        return false;
    }
    let write = |((key, value), before): ((&Blob, &Value), &Value)| {
        let put = Put { key: key.clone(), value: value.to_string().into(), ..Put::default() };
        let delete = Delete { key: key.clone(), ..Delete::default() };
        (value != before).then_some(if value.is_null() { TxnOp::Delete(delete) } else { TxnOp::Put(put) })
    };
    let success = full.iter().zip(&values).zip(&before).filter_map(write).collect();
    match client.call(&Request::Txn(Txn { guards, success, failure: Vec::new() }), TIMEOUT).await {
        CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded, .. }, .. }) => succeeded,
        other => panic!("{other:?}"),
    }
}

/// Adds to a counter of a record.
pub fn add(record: &mut Value, quantity: i128) {
    record["current_quantity"] = json!(i64::try_from(number(&record["current_quantity"]) + quantity).unwrap());
}

/// Appends an entry to the purchases.
pub fn enter(purchases: &mut Value, entry: Value) {
    match purchases {
        Value::Array(entries) => entries.push(entry),
        _ => *purchases = json!([entry]),
    }
}

/// Cancels the first order of the user that is not cancelled yet, with an entry of its own.
pub async fn cancel(client: &Client, user: &str, event: &str, kinds: &[String], id: &str) -> bool {
    let mut keys = vec![format!("event:{event}"), format!("purchase:{user}:{event}")];
    keys.extend(kinds.iter().map(|kind| format!("ticket:{event}:{kind}")));
    rewrite(client, &keys, |values| {
        let entries = values[1].as_array().cloned().unwrap_or_default();
        let is_cancelled = |entry: &Value| entries.iter().any(|other| other["cancels"] == entry["id"]);
        let Some(order) = entries.iter().find(|entry| entry.get("cancels").is_none() && !is_cancelled(entry)) else { return false };
        let mut lines = order["tickets"].clone();
        for line in lines.as_array_mut().unwrap() {
            let quantity = number(&line["quantity"]);
            line["quantity"] = json!(i64::try_from(-quantity).unwrap());
            let position = kinds.iter().position(|kind| line["type"] == kind.as_str()).unwrap();
            add(&mut values[2 + position], quantity);
            add(&mut values[0], quantity);
        }
        let entry = json!({"id": id, "date": "01-05-2026 20:00", "tickets": lines, "cancels": order["id"]});
        enter(&mut values[1], entry);
        true
    })
    .await
}

/// One step of a sale from shards: stock moves from the ticket into them, is sold from one, moves between two, or all of
/// it is folded back.
pub async fn shard_step(client: &Client, user: &str, event: &str, kind: &str, step: usize) -> bool {
    let mut keys = vec![format!("ticket:{event}:{kind}"), format!("purchase:{user}:{event}")];
    keys.extend((0..3).map(|number| format!("shard:{event}:{kind}:{number:03}")));
    rewrite(client, &keys, |values| {
        let [ticket, purchases, shards @ ..] = values else { unreachable!() };
        let here = 1 + step % 2;
        match step % 7 {
            0 => {
                let part = number(&ticket["current_quantity"]) / 2;
                add(ticket, -part);
                shards[here] =
                    json!({"current_quantity": i64::try_from(part + shards[here].get("current_quantity").map_or(0, number)).unwrap()});
            }
            6 if step.is_multiple_of(3) => {
                for shard in shards.iter_mut().filter(|shard| !shard.is_null()) {
                    add(ticket, number(&shard["current_quantity"]));
                    *shard = Value::Null;
                }
            }
            5 if !shards[1].is_null() && !shards[2].is_null() => {
                let part = number(&shards[1]["current_quantity"]) / 2;
                add(&mut shards[1], -part);
                add(&mut shards[2], part);
            }
            _ if shards[here].is_null() || number(&shards[here]["current_quantity"]) == 0 => return false,
            _ => {
                add(&mut shards[here], -1);
                let line = json!({"type": kind, "quantity": 1, "price": ticket["price"]});
                enter(purchases, json!({"id": format!("r1-9-{step}"), "date": "01-05-2026 20:00", "tickets": [line]}));
            }
        }
        true
    })
    .await
}

/// One step of a sale with reservations: reserve two, then pay for them, or give them back.
pub async fn hold_step(client: &Client, user: &str, event: &str, kind: &str, step: usize) -> bool {
    let order = format!("{user}-{kind}-{}", step / 2 % 5);
    let keys = [
        format!("event:{event}"),
        format!("ticket:{event}:{kind}"),
        format!("purchase:{user}:{event}"),
        format!("hold:record:{event}:{order}"),
    ];
    rewrite(client, &keys, |values| {
        let [event, ticket, purchases, hold] = values else { unreachable!() };
        if hold.is_null() {
            if number(&ticket["current_quantity"]) < 2 {
                return false;
            }
            add(ticket, -2);
            add(event, -2);
            *hold = json!({"user": user, "tickets": [{"type": kind, "quantity": 2, "price": ticket["price"]}]});
        } else if step.is_multiple_of(3) {
            add(ticket, 2);
            add(event, 2);
            *hold = Value::Null;
        } else {
            enter(purchases, json!({"id": format!("r1-9-{step}"), "date": "01-05-2026 20:00", "tickets": hold["tickets"]}));
            *hold = Value::Null;
        }
        true
    })
    .await
}
