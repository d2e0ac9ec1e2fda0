//! `optimistic`: one guarded transaction. Safe.
//!
//! **Idea.** Assume that no other buyer interferes, compute the new values, and let etcd write them only if that was true.
//!
//! **Guard.** The transaction compares, for *every* key it writes (each ticket, the event, the user's purchases), the
//! revision of the key's last write with the one the new value was computed from. Comparing a quantity instead would
//! miss a ticket that was sold and returned in between; leaving out the purchases would erase an order of the same user
//! whose answer was lost.
//!
//! **Why it is safe.** All guards and all writes are one revision: between the comparison and the write there is no
//! moment in which another purchase could slip in. One that lost the race writes nothing.
//!
//! **Cost.** One round trip without a conflict, because the buyer caches the revisions of its last purchase. A
//! conflict costs one more: the failure branch reads the same keys, so what it returns is what the next attempt starts
//! from. On a hot ticket buyers conflict; each pauses for a random time whose limit doubles with every conflict.
//!
//! **When no answer comes** the outcome is unknown, and so is that of the order. `retry` offers two alternatives: `same-guard`
//! resends the transaction safely; `blind` starts over under the same order id as if nothing had been sent. That sells twice
//! whenever only the answer was lost, and is there for demonstration.

use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request, Txn};

use super::same_guard::{self, Resent};
use super::state::{Stock, fetch, fetch_latest, reads};
use super::write::{Decision, Write, decide, rejected};
use super::{PurchaseResult, RetryPolicy, StockCache};
use crate::etcd::{CallError, RecordingClient};
use crate::settings::strategy::Retry;
use crate::shop::{Order, Shop};

/// The optimistic strategy's settings.
#[derive(Clone, Copy, Debug)]
pub struct Optimistic {
    /// How often an order is tried, and the pauses between the attempts.
    pub retries: RetryPolicy,
    /// What to do when no answer comes.
    pub retry: Retry,
}

impl Optimistic {
    pub(in crate::shop) async fn buy(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
    ) -> PurchaseResult {
        let mut remembered = cache.take(&order.event);
        // Set once this call has read the stock through consensus: only then may it refuse.
        let mut fresh: Option<Stock> = None;
        // Whether the next read must go through consensus. A stale read is enough for a purchase: its guards detect it.
        let mut latest = !caller.reads_may_be_stale();
        let mut attempts = 0;
        // Set once an answer was lost and the order was retried blindly: from then on the order may have been written.
        let mut blind = false;
        let nothing = |outcome, attempts, blind| PurchaseResult::nothing(if blind { OrderOutcome::Unknown } else { outcome }, attempts);
        while attempts < self.retries.attempts_max {
            let decision = match (&fresh, &remembered) {
                (Some(stock), _) | (None, Some(stock)) => Some(decide(shop, stock, order)),
                (None, None) => None,
            };
            let write = match decision {
                Some(Decision::Buy(write)) => write,
                Some(Decision::Refuse(outcome)) => match fresh {
                    Some(stock) => {
                        cache.put(&order.event, stock);
                        return nothing(outcome, attempts, blind);
                    }
                    // The cached stock, or the one read from a single member, may be stale: tickets may have been added.
                    None => {
                        (remembered, latest) = (None, true);
                        continue;
                    }
                },
                None => {
                    let read = if latest {
                        fetch_latest(&shop.keys, caller, &order.event, &order.user).await.map(|stock| fresh = Some(stock))
                    } else {
                        fetch(&shop.keys, caller, &order.event, &order.user).await.map(|stock| remembered = Some(stock))
                    };
                    match read {
                        Ok(()) => continue,
                        Err(error) => return nothing(rejected(error), attempts, blind),
                    }
                }
            };
            if attempts > 0 {
                tokio::time::sleep(self.retries.pause(attempts, cache.jitter())).await;
            }
            attempts += 1;
            let request = Request::Txn(transaction(shop, order, &write));
            match caller.call(Purpose::Purchase, &[order.key], request.clone()).await {
                CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                    let paid = write.paid;
                    cache.put(&order.event, write.into_stock_at(revision));
                    return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid, attempts };
                }
                CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => {
                    match Stock::parse(&shop.keys, &responses) {
                        Ok(stock) => fresh = Some(stock),
                        Err(error) => return nothing(rejected(error), attempts, blind),
                    }
                }
                // An answer that does not fit the request leaves the outcome unknown.
                CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => match self.retry {
                    Retry::Never => return PurchaseResult::nothing(OrderOutcome::Unknown, attempts),
                    Retry::SameGuard => match same_guard::resend(shop, caller, order, &request, &mut attempts).await {
                        Resent::Sold(revision) => {
                            return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid: write.paid, attempts };
                        }
                        Resent::NotSold(stock) => fresh = Some(*stock),
                        Resent::Unknown => return PurchaseResult::nothing(OrderOutcome::Unknown, attempts),
                    },
                    Retry::Blind => (fresh, remembered, blind) = (None, None, true),
                },
                CallOutcome::Refused { code, message } => {
                    return nothing(rejected(CallError { code, message }), attempts, blind);
                }
            }
        }
        if let Some(stock) = fresh {
            cache.put(&order.event, stock);
        }
        nothing(OrderOutcome::Conflict, attempts, blind)
    }
}

/// The guarded transaction; its failure branch reads what the next attempt needs.
pub(super) fn transaction(shop: &Shop, order: &Order, write: &Write) -> Txn {
    Txn { guards: write.guards(), success: write.operations(), failure: reads(&shop.keys, &order.event, &order.user) }
}
