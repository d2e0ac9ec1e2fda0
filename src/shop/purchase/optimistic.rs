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

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request, Txn};

use super::rejection::rejected;
use super::same_guard::{self, Resent};
use super::state::{Stock, fetch, fetch_latest, reads};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::write::{Decision, Write, decide};
use super::{PurchaseResult, RetryPolicy, StockCache};
use crate::etcd::{CallError, RecordingClient};
use crate::settings::problem::Checked;
use crate::settings::types::{ATTEMPTS, BACK_OFF, ReadMode};
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// One guarded transaction: safe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimisticSettings {
    /// Transactions sent for one order before it ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// What to do when a purchase is not answered.
    pub retry: Retry,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for OptimisticSettings {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, back_off: BACK_OFF, retry: Retry::Never, read: ReadMode::Linearizable }
    }
}

/// What to do when a purchase is not answered, so that its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Do nothing: the outcome of the order stays unknown.
    Never,
    /// Send the same transaction with the same guards again: at most one of the two can be applied.
    SameGuard,
    /// Read the stock again and buy under new guards: the classic double sale, for demonstration.
    Blind,
}

impl StrategySettings for OptimisticSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.retries(self.attempts, self.back_off)
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn retry(&self) -> Retry {
        self.retry
    }

    fn fails_by_design(&self) -> &'static [&'static str] {
        match self.retry {
            Retry::Blind => &["revenue", "ledger"],
            Retry::Never | Retry::SameGuard => &[],
        }
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(Optimistic { retries: RetryPolicy::new(self.attempts, self.back_off), retry: self.retry })
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        let &mut StrategyDraws { attempts, back_off, retry, read, .. } = draws;
        Some(Self { attempts, back_off, retry, read })
    }
}

/// The strategy in a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Optimistic {
    /// How often an order is tried, and the pauses between the attempts.
    pub(super) retries: RetryPolicy,
    /// What to do when no answer comes.
    pub(super) retry: Retry,
}

impl ActiveStrategy for Optimistic {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.purchase(shop, caller, cache, order))
    }
}

impl Optimistic {
    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, cache: &mut StockCache, order: &Order) -> PurchaseResult {
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
