//! Resending a purchase after its answer was lost (`strategy.optimistic.retry = "same-guard"`). Safe.
//!
//! **Idea.** Send the *identical* transaction again. Its guards hold only as long as none of its keys has been written,
//! the lost attempt included: of all the copies at most one can ever be written.
//!
//! **What the answer means.** It succeeded: this copy was the one. Its guards failed, and the order's id is among the
//! purchases that the failure branch read: an earlier copy was. They failed and the id is not there: none was, and none can
//! be any more, for a revision that has moved on never comes back, so it is an ordinary conflict. A refusal leaves the outcome
//! of the copies before it unknown.
//!
//! **Cost.** One round trip for each copy, and the pauses between them.

use std::time::Duration;

use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Range, Request};
use ticketcd_judge::model::records::parse_purchases;

use super::state::{Seen, Stock};
use crate::etcd::RecordingClient;
use crate::shop::{Order, Shop};

/// Copies that are sent after the first.
const COPIES_MAX: u32 = 4;
/// Pause before the first copy; before each later one as much longer.
const PAUSE: Duration = Duration::from_millis(100);
/// Later writes of the purchases that are looked behind for the one that wrote the order.
const LOOKS_MAX: usize = 64;

/// What is known after resending.
pub(super) enum Resent {
    /// A copy was written, at this revision.
    Sold(Revision),
    /// No copy was or will be written; the current stock.
    NotSold(Box<Stock>),
    /// The outcome is still unknown.
    Unknown,
}

/// Resends a transaction whose answer was lost until it is answered. Counts the copies.
pub(super) async fn resend(shop: &Shop, caller: &mut RecordingClient, order: &Order, request: &Request, attempts: &mut u32) -> Resent {
    for copy in 1..=COPIES_MAX {
        tokio::time::sleep(PAUSE * copy).await;
        *attempts += 1;
        match caller.call(Purpose::Purchase, &[order.key], request.clone()).await {
            CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => return Resent::Sold(revision),
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => {
                let Ok(stock) = Stock::parse(&shop.keys, &responses) else { return Resent::Unknown };
                return match has(&stock.purchases.value, &shop.order_id(order.key)) {
                    Some(true) => written_at(shop, caller, order, stock.purchases.mod_revision).await.map_or(Resent::Unknown, Resent::Sold),
                    Some(false) => Resent::NotSold(Box::new(stock)),
                    None => Resent::Unknown,
                };
            }
            CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => {}
            CallOutcome::Refused { .. } => return Resent::Unknown,
        }
    }
    Resent::Unknown
}

/// Whether an order is among purchases; `None` when they cannot be read.
fn has(purchases: &ticketcd_judge::history::Blob, id: &str) -> Option<bool> {
    if purchases.is_empty() {
        return Some(false);
    }
    let purchases = parse_purchases(purchases.as_bytes()).ok()?;
    Some(purchases.iter().any(|purchase| purchase.id.as_deref() == Some(id)))
}

/// The revision that wrote an order which is there at `newest`, the last write of its user's purchases: the user may have
/// bought again since, so this walks back write by write to the first that has it. `None` when it cannot be found out.
async fn written_at(shop: &Shop, caller: &mut RecordingClient, order: &Order, newest: Revision) -> Option<Revision> {
    let id = shop.order_id(order.key);
    let mut first = newest;
    for _ in 0..LOOKS_MAX {
        let before = Range { key: shop.keys.purchase(&order.user, &order.event), revision: first - 1, ..Range::default() };
        let CallOutcome::Ok(Answer { body: AnswerBody::Range(range), .. }) =
            caller.call(Purpose::Purchase, &[], Request::Range(before)).await
        else {
            return None;
        };
        let Seen { value, mod_revision } = super::state::raw(&range.kvs);
        if !has(&value, &id)? {
            return Some(first);
        }
        first = mod_revision;
    }
    None
}
