//! Splitting the stock of tickets into parts before a sale (see [`sharded`](super::sharded)), and restoring it afterwards. Each step is one guarded transaction for one ticket, so that no ticket is lost or counted twice at any
//! revision, whatever fails between two steps.

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Delete, Guard, Request, Txn, TxnOp};
use ticketcd_judge::model::Keyspace;
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, Shard, Ticket};

use super::sharded::{Part, Parts, reads_of};
use super::state::Seen;
use super::write::{json, put, unchanged};
use crate::etcd::RecordingClient;

/// Attempts at one step, after conflicts or lost answers.
const ATTEMPTS_MAX: u32 = 5;

/// Moves all stock of the events into `shards` parts for each ticket.
///
/// # Errors
/// What could not be done, in words.
pub(in crate::shop) async fn split(keys: &Keyspace, caller: &mut RecordingClient, events: &[String], shards: u32) -> Result<(), String> {
    for event in events {
        for (kind, _) in &read(keys, caller, event).await?.stock.tickets {
            step(keys, caller, event, |parts| Ok(split_ticket(keys, event, kind, shards, parts))).await?;
        }
    }
    Ok(())
}

/// Moves what is left in the parts back into the tickets of the events, and recounts the events.
///
/// # Errors
/// What could not be done, in words.
pub(in crate::shop) async fn fold(keys: &Keyspace, caller: &mut RecordingClient, events: &[String]) -> Result<(), String> {
    for event in events {
        let kinds: Vec<String> = read(keys, caller, event).await?.stock.tickets.into_iter().map(|(kind, _)| kind).collect();
        for (position, kind) in kinds.iter().enumerate() {
            let last = position + 1 == kinds.len();
            step(keys, caller, event, |parts| fold_ticket(keys, event, kind, last, parts)).await?;
        }
    }
    Ok(())
}

/// Computes and sends a step, again after each conflict. A step without an answer is safe to repeat: the guards of the lost one
/// fail once the new one is written, and the new one is not needed if the lost one was written.
async fn step(
    keys: &Keyspace,
    caller: &mut RecordingClient,
    event: &str,
    work_out: impl Fn(&Parts) -> Result<Option<Txn>, String>,
) -> Result<(), String> {
    let mut reason = "others keep writing".to_owned();
    for _ in 0..ATTEMPTS_MAX {
        let Some(txn) = work_out(&read(keys, caller, event).await?)? else { return Ok(()) };
        match caller.call(Purpose::Settle, &[], Request::Txn(txn)).await {
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: true, .. }, .. }) => return Ok(()),
            CallOutcome::Ok(_) => {}
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => {
                reason = format!("{code}: {message}");
                caller.rotate();
            }
        }
    }
    Err(format!("the stock of event {event} could not be moved: {reason}"))
}

/// Everything of an event at one revision, without purchases.
async fn read(keys: &Keyspace, caller: &mut RecordingClient, event: &str) -> Result<Parts, String> {
    let request = Request::Txn(Txn { success: reads_of(keys, event, ""), ..Txn::default() });
    let mut reason = String::new();
    for _ in 0..ATTEMPTS_MAX {
        match caller.call(Purpose::Settle, &[], request.clone()).await {
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { responses, .. }, .. }) => {
                return Parts::parse(keys, &responses).map_err(|error| error.to_string());
            }
            CallOutcome::Ok(_) => "the answer does not fit the request".clone_into(&mut reason),
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => {
                reason = format!("{code}: {message}");
                caller.rotate();
            }
        }
    }
    Err(format!("the stock of event {event} could not be read: {reason}"))
}

/// The ticket's stock goes into its parts, as evenly as it can. Nothing when it is split already.
fn split_ticket(keys: &Keyspace, event: &str, kind: &str, shards: u32, parts: &Parts) -> Option<Txn> {
    let ticket = parts.stock.ticket(kind)?;
    if parts.parts.iter().any(|part| part.kind == kind) {
        return None;
    }
    let (each, more) = (ticket.value.current_quantity / i64::from(shards.max(1)), ticket.value.current_quantity % i64::from(shards.max(1)));
    let empty = Ticket { current_quantity: 0, ..ticket.value.clone() };
    let mut txn = Txn::default();
    txn.guards.push(unchanged(keys.ticket(event, kind), ticket.mod_revision));
    txn.success.push(TxnOp::Put(put(keys.ticket(event, kind), json(&empty).ok()?)));
    for number in 0..shards {
        let key = keys.shard(event, kind, number);
        let shard = Shard { current_quantity: each + i64::from(i64::from(number) < more) };
        txn.guards.push(unchanged(key.clone(), 0));
        txn.success.push(TxnOp::Put(put(key, json(&shard).ok()?)));
    }
    Some(txn)
}

/// The parts of a ticket go away and their stock into the ticket. With the last ticket, in the same transaction, the event
/// gets the sum of all its tickets: it is owed from the moment there are no parts any more.
fn fold_ticket(keys: &Keyspace, event: &str, kind: &str, last: bool, parts: &Parts) -> Result<Option<Txn>, String> {
    let own: Vec<&Part> = parts.parts.iter().filter(|part| part.kind == kind).collect();
    let (Some(ticket), Some(record)) = (parts.stock.ticket(kind), &parts.stock.event) else { return Ok(None) };
    let left = own.iter().map(|part| part.left).sum::<i64>() + ticket.value.current_quantity;
    let mut txn = Txn::default();
    if !own.is_empty() {
        let prefix = keys.shards_of_ticket(event, kind);
        txn.guards.extend(own.iter().map(|part| unchanged(keys.shard(event, kind, part.number), part.mod_revision)));
        txn.guards.push(unchanged(keys.ticket(event, kind), ticket.mod_revision));
        let full = Ticket { current_quantity: left, ..ticket.value.clone() };
        txn.success.push(write(keys.ticket(event, kind), &full)?);
        txn.success.push(TxnOp::Delete(Delete { range_end: prefix_end(prefix.as_bytes()), key: prefix, ..Delete::default() }));
    }
    if last {
        let others = parts.stock.tickets.iter().filter(|(name, _)| name != kind);
        let sum = left + others.clone().map(|(_, ticket)| ticket.value.current_quantity).sum::<i64>();
        if sum != record.value.current_quantity {
            let counted = EventRecord { current_quantity: sum, ..record.value.clone() };
            let guard = |(name, ticket): &(String, Seen<Ticket>)| -> Guard { unchanged(keys.ticket(event, name), ticket.mod_revision) };
            txn.guards.extend(others.map(guard));
            if own.is_empty() {
                txn.guards.push(unchanged(keys.ticket(event, kind), ticket.mod_revision));
            }
            txn.guards.push(unchanged(keys.event(event), record.mod_revision));
            txn.success.push(write(keys.event(event), &counted)?);
        }
    }
    Ok((!txn.success.is_empty()).then_some(txn))
}

fn write<T: serde::Serialize>(key: ticketcd_judge::history::Blob, value: &T) -> Result<TxnOp, String> {
    serde_json::to_vec(value).map(|value| TxnOp::Put(put(key, value.into()))).map_err(|error| error.to_string())
}
