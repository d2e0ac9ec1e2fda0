//! Splitting the stock of tickets into parts before a sale (see [`sharded`](super::sharded)), and restoring it afterwards. Each
//! step is one guarded transaction for one ticket, so that no ticket is lost or counted twice at any revision, even if the
//! program fails between two steps.

use ticketcd_judge::history::Blob;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::request::{Answer, AnswerBody, Delete, Guard, Request, Txn, TxnOp};
use ticketcd_judge::model::Keyspace;
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, Shard, Ticket};

use super::sharded::{Part, Parts, reads_of};
use super::state::{ReadError, Seen, responses};
use super::write::{json, put, unchanged};
use crate::etcd::{CallError, RecordingClient};

/// Attempts at one step, after conflicts or lost answers.
const ATTEMPTS_MAX: u32 = 5;

/// Why the stock of an event could not be moved between its tickets and their parts. It is wholly in either, ticket by ticket.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It could not be read.
    #[error("event {event}: {source}")]
    Read {
        /// The event's id.
        event: String,
        /// Why.
        source: ReadError,
    },
    /// The write was refused, or not answered.
    #[error("event {event}: the stock could not be moved: {source}")]
    NotWritten {
        /// The event's id.
        event: String,
        /// Why.
        source: CallError,
    },
    /// Other clients wrote the stock between each read and its write.
    #[error("event {event}: the stock could not be moved: other clients wrote it in each of {ATTEMPTS_MAX} attempts")]
    Conflict {
        /// The event's id.
        event: String,
    },
}

/// Moves all stock of the events into `shards` parts for each ticket.
///
/// # Errors
/// The first event whose stock could not be moved.
pub(in crate::shop) async fn split(keys: &Keyspace, caller: &mut RecordingClient, events: &[String], shards: u32) -> Result<(), MoveError> {
    for event in events {
        for (kind, _) in &read(keys, caller, event).await?.stock.tickets {
            step(keys, caller, event, |parts| split_ticket(keys, event, kind, shards, parts)).await?;
        }
    }
    Ok(())
}

/// Moves what is left in the parts back into the tickets of the events, and recounts the events.
///
/// # Errors
/// The first event whose stock could not be moved.
pub(in crate::shop) async fn fold(keys: &Keyspace, caller: &mut RecordingClient, events: &[String]) -> Result<(), MoveError> {
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
    work_out: impl Fn(&Parts) -> Option<Txn>,
) -> Result<(), MoveError> {
    let mut error = MoveError::Conflict { event: event.to_owned() };
    for _ in 0..ATTEMPTS_MAX {
        let Some(txn) = work_out(&read(keys, caller, event).await?) else { return Ok(()) };
        match CallError::answer(caller.call(Purpose::Settle, &[], Request::Txn(txn)).await) {
            Ok(Answer { body: AnswerBody::Txn { succeeded: true, .. }, .. }) => return Ok(()),
            Ok(_) => {}
            Err(source) => {
                error = MoveError::NotWritten { event: event.to_owned(), source };
                caller.rotate();
            }
        }
    }
    Err(error)
}

/// Everything of an event at one revision, without purchases.
async fn read(keys: &Keyspace, caller: &mut RecordingClient, event: &str) -> Result<Parts, MoveError> {
    let request = Request::Txn(Txn { success: reads_of(keys, event, ""), ..Txn::default() });
    let mut attempts = 0;
    loop {
        attempts += 1;
        let read = responses(caller.call(Purpose::Settle, &[], request.clone()).await).and_then(|read| Parts::parse(keys, &read));
        match read {
            Ok(parts) => return Ok(parts),
            // Another member may answer.
            Err(ReadError::NotAnswered(_)) if attempts < ATTEMPTS_MAX => caller.rotate(),
            Err(source) => return Err(MoveError::Read { event: event.to_owned(), source }),
        }
    }
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
    txn.success.push(write(keys.ticket(event, kind), &empty));
    for number in 0..shards {
        let key = keys.shard(event, kind, number);
        let shard = Shard { current_quantity: each + i64::from(i64::from(number) < more) };
        txn.guards.push(unchanged(key.clone(), 0));
        txn.success.push(write(key, &shard));
    }
    Some(txn)
}

/// The parts of a ticket go away and their stock into the ticket. With the last ticket, in the same transaction, the event
/// gets the sum of all its tickets: it is owed from the moment there are no parts any more.
fn fold_ticket(keys: &Keyspace, event: &str, kind: &str, last: bool, parts: &Parts) -> Option<Txn> {
    let own: Vec<&Part> = parts.parts.iter().filter(|part| part.kind == kind).collect();
    let (ticket, record) = (parts.stock.ticket(kind)?, parts.stock.event.as_ref()?);
    let left = own.iter().map(|part| part.left).sum::<i64>() + ticket.value.current_quantity;
    let mut txn = Txn::default();
    if !own.is_empty() {
        let prefix = keys.shards_of_ticket(event, kind);
        txn.guards.extend(own.iter().map(|part| unchanged(keys.shard(event, kind, part.number), part.mod_revision)));
        txn.guards.push(unchanged(keys.ticket(event, kind), ticket.mod_revision));
        let full = Ticket { current_quantity: left, ..ticket.value.clone() };
        txn.success.push(write(keys.ticket(event, kind), &full));
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
            txn.success.push(write(keys.event(event), &counted));
        }
    }
    (!txn.success.is_empty()).then_some(txn)
}

fn write<T: serde::Serialize>(key: Blob, record: &T) -> TxnOp {
    TxnOp::Put(put(key, json(record)))
}
