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

use ticketcd_judge::history::annotation::{CancelPlaced, OrderOutcome, Purpose, RejectionCause};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Put, Request, Txn, TxnOp};
use ticketcd_judge::history::{Nanos, OrderKey, Revision};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::{Purchase, PurchasedTicket, Shard, parse_purchases};

use super::purchase::rejection::{Rejection, rejected};
use super::purchase::sharded::{Part, Parts, reads_of};
use super::purchase::state::{ReadError, Stock, responses};
use super::purchase::write::{append, json, put, unchanged};
use super::purchase::{PurchaseResult, RetryPolicy, StockCache};
use super::{Order, Shop};
use crate::etcd::{CallError, RecordingClient};

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
        // The cached stock of the event is stale afterwards, with any outcome.
        cache.take(&cancel.order.event);
        let Self(retries) = self;
        let (event, user) = (&cancel.order.event, &cancel.order.user);
        let nothing = |outcome, attempts| PurchaseResult { outcome, paid: Cents(0), attempts };
        let reading = Txn { guards: Vec::new(), success: reads_of(&shop.keys, event, user), failure: Vec::new() };
        let mut found = match responses(caller.call(Purpose::Cancel, &[], Request::Txn(reading)).await) {
            Ok(responses) => responses,
            Err(error) => return nothing(rejected(error), 0),
        };
        for attempt in 0..retries.attempts_max {
            if attempt > 0 {
                tokio::time::sleep(retries.pause(attempt, cache.jitter())).await;
            }
            let parts = Parts::parse(&shop.keys, &found).map_err(CancelError::from);
            let write = match parts.and_then(|parts| work_out(shop, &parts, cancel)) {
                Ok(write) => write,
                Err(error) => return nothing(rejected(error), attempt),
            };
            let request = Request::Txn(transaction(shop, cancel, &write));
            match caller.call(Purpose::Cancel, &[cancel.key], request).await {
                CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                    return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid: write.paid, attempts: attempt + 1 };
                }
                CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => found = responses,
                CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => return nothing(OrderOutcome::Unknown, attempt + 1),
                CallOutcome::Refused { code, message } => return nothing(rejected(CallError { code, message }), attempt + 1),
            }
        }
        nothing(OrderOutcome::Conflict, retries.attempts_max)
    }
}

/// Why an order cannot be cancelled. Nothing was written.
#[derive(Debug, thiserror::Error)]
enum CancelError {
    /// The stock or the order could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The order is not among the purchases of its user.
    #[error("there is no such order")]
    NoOrder,
    /// It was cancelled before.
    #[error("it is already cancelled")]
    Cancelled,
    /// The order has no price, as in data of the original project.
    #[error("the price paid for the order is not recorded")]
    NoPrice,
    /// The stock that the tickets would return to does not exist.
    #[error("{0} does not exist")]
    NoStock(String),
    /// The purchase key of the user holds something else than purchases.
    #[error("the purchase key holds no array")]
    NoArray,
    /// A count or an amount would be too large.
    #[error("a count or an amount overflows")]
    Overflow,
}

impl Rejection for CancelError {
    fn rejection_cause(&self) -> RejectionCause {
        match self {
            Self::Read(error) => error.rejection_cause(),
            Self::NoOrder | Self::NoStock(_) => RejectionCause::NotFound,
            Self::Cancelled => RejectionCause::Cancelled,
            Self::NoPrice | Self::NoArray => RejectionCause::UnreadableValue,
            Self::Overflow => RejectionCause::Overflow,
        }
    }
}

/// A computed cancellation, before it is sent.
struct Write {
    /// The keys to write, and the revision each was computed from.
    puts: Vec<(Put, Revision)>,
    /// What is paid back, as a negative amount.
    paid: Cents,
}

fn work_out(shop: &Shop, parts: &Parts, cancel: &Cancel) -> Result<Write, CancelError> {
    let (order, stock) = (&cancel.order, &parts.stock);
    let bought = tickets_of(shop, stock, cancel)?;
    let mut event = stock.event.clone().ok_or_else(|| CancelError::NoStock(shop.keys.event(&order.event).to_text()))?;
    let mut to_event = false;
    let mut puts = Vec::with_capacity(bought.len() + 2);
    let mut lines = Vec::with_capacity(bought.len());
    let mut paid: i128 = 0;
    for line in bought {
        let price = line.price.ok_or(CancelError::NoPrice)?;
        let more = |quantity: i64| quantity.checked_add(line.quantity).ok_or(CancelError::Overflow);
        let shards: Vec<&Part> = parts.parts.iter().filter(|part| part.kind == line.kind).collect();
        // Any shard is correct. Cancellations are spread over the shards to avoid conflicts.
        let turn = (cancel.key.buyer.wrapping_add(cancel.key.sequence) as usize).checked_rem(shards.len());
        if let Some(part) = turn.and_then(|turn| shards.get(turn)) {
            let key = shop.keys.shard(&order.event, &part.kind, part.number);
            puts.push((put(key, json(&Shard { current_quantity: more(part.left)? })), part.mod_revision));
        } else {
            let key = shop.keys.ticket(&order.event, &line.kind);
            let mut ticket = stock.ticket(&line.kind).ok_or_else(|| CancelError::NoStock(key.to_text()))?.clone();
            ticket.value.current_quantity = more(ticket.value.current_quantity)?;
            event.value.current_quantity = more(event.value.current_quantity)?;
            to_event = true;
            puts.push((put(key, json(&ticket.value)), ticket.mod_revision));
        }
        paid = paid.saturating_sub(price.times(line.quantity));
        lines.push(PurchasedTicket { quantity: -line.quantity, ..line });
    }
    if to_event {
        puts.push((put(shop.keys.event(&order.event), json(&event.value)), event.mod_revision));
    }
    let element = Purchase {
        id: Some(shop.order_id(cancel.key)),
        date: shop.date.to_string(),
        tickets: lines,
        cancels: Some(shop.order_id(order.key)),
    };
    let purchases = append(stock.purchases.value.as_bytes(), json(&element).as_bytes()).ok_or(CancelError::NoArray)?;
    puts.push((put(shop.keys.purchase(&order.user, &order.event), purchases), stock.purchases.mod_revision));
    let paid = i64::try_from(paid).map(Cents).map_err(|_| CancelError::Overflow)?;
    Ok(Write { puts, paid })
}

/// The tickets of the order, if it is entered and not cancelled.
fn tickets_of(shop: &Shop, stock: &Stock, cancel: &Cancel) -> Result<Vec<PurchasedTicket>, CancelError> {
    if stock.purchases.mod_revision == 0 {
        return Err(CancelError::NoOrder);
    }
    let key = || shop.keys.purchase(&cancel.order.user, &cancel.order.event).to_text();
    let purchases = parse_purchases(stock.purchases.value.as_bytes()).map_err(|source| ReadError::Json { key: key(), source })?;
    let id = shop.order_id(cancel.order.key);
    if purchases.iter().any(|purchase| purchase.cancels.as_ref() == Some(&id)) {
        return Err(CancelError::Cancelled);
    }
    let bought = purchases.into_iter().find(|purchase| purchase.id.as_ref() == Some(&id));
    bought.map(|purchase| purchase.tickets).ok_or(CancelError::NoOrder)
}

/// The guarded transaction; its failure branch reads what the next attempt needs.
fn transaction(shop: &Shop, cancel: &Cancel, write: &Write) -> Txn {
    Txn {
        guards: write.puts.iter().map(|(put, revision)| unchanged(put.key.clone(), *revision)).collect(),
        success: write.puts.iter().map(|(put, _)| TxnOp::Put(put.clone())).collect(),
        failure: reads_of(&shop.keys, &cancel.order.event, &cancel.order.user),
    }
}
