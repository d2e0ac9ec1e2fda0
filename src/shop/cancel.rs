//! Cancelling an order. Safe under every strategy that guards what it writes.
//!
//! **Idea.** A cancellation is an order of its own with negative quantities: the same array gets one more entry, which names
//! the order that it cancels and repeats its unit prices. Nothing is ever removed, so that the sum over the array is always
//! what the user has, and a lost entry stays a lost entry.
//!
//! **Where the tickets go.** To where the stock is when it is read: to a shard of the ticket while its stock is split into
//! shards (the ticket and the event's count stay as they are, as in a purchase from a shard), else to the ticket and the
//! event.
//!
//! **Guard.** As in the optimistic purchase, the transaction compares the revision of the last write of *every* key that it
//! writes. The purchase array is one of them: that the order is there and not yet cancelled is known of the very value
//! that the transaction replaces, so that two cancellations of one order cannot both happen.
//!
//! **Cost.** Two round trips: the prices that were paid are in the array and nowhere else. A conflict costs one more, for
//! the failure branch reads the same keys. A cancellation without an answer is never tried again.

use ticketcd_judge::history::annotation::{CancelPlaced, OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Put, Request, Txn, TxnOp};
use ticketcd_judge::history::{Blob, Nanos, OrderKey, Revision};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::{Purchase, PurchasedTicket, Shard, parse_purchases};

use super::purchase::sharded::{Part, Parts, reads_of};
use super::purchase::state::Stock;
use super::purchase::write::{append, put, unchanged};
use super::purchase::{PurchaseResult, RetryPolicy, StockCache};
use super::{Order, Shop};
use crate::etcd::RecordingClient;

/// A cancellation of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Its own key: it is an order too.
    pub key: OrderKey,
    /// The order to cancel.
    pub order: Order,
    /// When it was meant to start.
    pub due: Nanos,
}

impl Cancel {
    /// The cancellation as it is recorded when its buyer starts it at `sent`.
    pub fn placed(&self, sent: Nanos) -> CancelPlaced {
        CancelPlaced {
            order: self.key,
            cancels: self.order.key,
            user: self.order.user.as_str().into(),
            event: self.order.event.as_str().into(),
            items: self.order.items.iter().map(|(kind, quantity)| (kind.as_str().into(), -quantity)).collect(),
            due: self.due,
            sent,
        }
    }
}

/// How orders are cancelled: the attempts, and the pauses between them.
#[derive(Clone, Copy, Debug)]
pub struct Cancelling(pub RetryPolicy);

impl Cancelling {
    /// Cancels the order. `Sold` means that the cancellation was applied; the amount paid is then negative.
    pub async fn cancel(&self, shop: &Shop, caller: &mut RecordingClient, cache: &mut StockCache, cancel: &Cancel) -> PurchaseResult {
        // The cached stock of the event is stale afterwards, whatever the outcome.
        cache.take(&cancel.order.event);
        let Self(retries) = self;
        let (event, user) = (&cancel.order.event, &cancel.order.user);
        let nothing = |outcome, attempts| PurchaseResult { outcome, paid: Cents(0), attempts };
        let rejected = |reason: String| OrderOutcome::Rejected { reason };
        let reading = Txn { guards: Vec::new(), success: reads_of(&shop.keys, event, user), failure: Vec::new() };
        let mut found = match caller.call(Purpose::Cancel, &[], Request::Txn(reading)).await {
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { responses, .. }, .. }) => responses,
            CallOutcome::Ok(_) => return nothing(rejected("the answer does not fit the request".to_owned()), 0),
            // Nothing was written, so even an unanswered read is a plain refusal.
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => {
                return nothing(rejected(format!("the order could not be read: {code}: {message}")), 0);
            }
        };
        for attempt in 0..retries.attempts_max {
            if attempt > 0 {
                tokio::time::sleep(retries.pause(attempt, cache.jitter())).await;
            }
            let write = match Parts::parse(&shop.keys, &found)
                .map_err(|error| error.to_string())
                .and_then(|parts| work_out(shop, &parts, cancel))
            {
                Ok(write) => write,
                Err(reason) => return nothing(rejected(reason), attempt),
            };
            let request = Request::Txn(transaction(shop, cancel, &write));
            match caller.call(Purpose::Cancel, &[cancel.key], request).await {
                CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                    return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid: write.paid, attempts: attempt + 1 };
                }
                CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => found = responses,
                CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => return nothing(OrderOutcome::Unknown, attempt + 1),
                CallOutcome::Refused { code, message } => return nothing(rejected(format!("{code}: {message}")), attempt + 1),
            }
        }
        nothing(OrderOutcome::Conflict, retries.attempts_max)
    }
}

/// A computed cancellation, before it is sent.
struct Write {
    /// The keys to write, and the revision each was computed from.
    puts: Vec<(Put, Revision)>,
    /// What is paid back, as a negative amount.
    paid: Cents,
}

fn work_out(shop: &Shop, parts: &Parts, cancel: &Cancel) -> Result<Write, String> {
    let (order, stock) = (&cancel.order, &parts.stock);
    let bought = tickets_of(shop, stock, cancel)?;
    let mut event = stock.event.clone().ok_or("no such event")?;
    let mut to_event = false;
    let mut puts = Vec::with_capacity(bought.len() + 2);
    let mut lines = Vec::with_capacity(bought.len());
    let mut paid: i128 = 0;
    for line in bought {
        let price = line.price.ok_or("the order does not say what was paid")?;
        let more = |quantity: i64| quantity.checked_add(line.quantity).ok_or("the count overflows");
        let shards: Vec<&Part> = parts.parts.iter().filter(|part| part.kind == line.kind).collect();
        // Any shard is correct. Cancellations are spread over the shards to avoid conflicts.
        let turn = (cancel.key.buyer.wrapping_add(cancel.key.sequence) as usize).checked_rem(shards.len());
        if let Some(part) = turn.and_then(|turn| shards.get(turn)) {
            let key = shop.keys.shard(&order.event, &part.kind, part.number);
            puts.push((put(key, as_json(&Shard { current_quantity: more(part.left)? })?), part.mod_revision));
        } else {
            let mut ticket = stock.ticket(&line.kind).ok_or("no such ticket type")?.clone();
            ticket.value.current_quantity = more(ticket.value.current_quantity)?;
            event.value.current_quantity = more(event.value.current_quantity)?;
            to_event = true;
            puts.push((put(shop.keys.ticket(&order.event, &line.kind), as_json(&ticket.value)?), ticket.mod_revision));
        }
        paid = paid.saturating_sub(price.times(line.quantity));
        lines.push(PurchasedTicket { quantity: -line.quantity, ..line });
    }
    if to_event {
        puts.push((put(shop.keys.event(&order.event), as_json(&event.value)?), event.mod_revision));
    }
    let element = Purchase {
        id: Some(shop.order_id(cancel.key)),
        date: shop.date.to_string(),
        tickets: lines,
        cancels: Some(shop.order_id(order.key)),
    };
    let purchases = append(stock.purchases.value.as_bytes(), as_json(&element)?.as_bytes()).ok_or("the purchase key holds no array")?;
    puts.push((put(shop.keys.purchase(&order.user, &order.event), purchases), stock.purchases.mod_revision));
    let paid = i64::try_from(paid).map(Cents).map_err(|_| "the price is too large")?;
    Ok(Write { puts, paid })
}

/// The tickets of the order, if it is entered and not cancelled.
fn tickets_of(shop: &Shop, stock: &Stock, cancel: &Cancel) -> Result<Vec<PurchasedTicket>, String> {
    if stock.purchases.mod_revision == 0 {
        return Err("there is no such order".to_owned());
    }
    let purchases = parse_purchases(stock.purchases.value.as_bytes()).map_err(|error| format!("the purchases are unreadable: {error}"))?;
    let id = shop.order_id(cancel.order.key);
    if purchases.iter().any(|purchase| purchase.cancels.as_ref() == Some(&id)) {
        return Err("it is already cancelled".to_owned());
    }
    let bought = purchases.into_iter().find(|purchase| purchase.id.as_ref() == Some(&id));
    bought.map(|purchase| purchase.tickets).ok_or_else(|| "there is no such order".to_owned())
}

/// The guarded transaction; its failure branch reads what the next attempt needs.
fn transaction(shop: &Shop, cancel: &Cancel, write: &Write) -> Txn {
    Txn {
        guards: write.puts.iter().map(|(put, revision)| unchanged(put.key.clone(), *revision)).collect(),
        success: write.puts.iter().map(|(put, _)| TxnOp::Put(put.clone())).collect(),
        failure: reads_of(&shop.keys, &cancel.order.event, &cancel.order.user),
    }
}

fn as_json<T: serde::Serialize>(value: &T) -> Result<Blob, String> {
    serde_json::to_vec(value).map(Blob::from).map_err(|error| error.to_string())
}
