//! `two-step`: takes the tickets in one transaction, enters the purchase in a second one. **Unsafe**: a purchase can stop halfway.
//!
//! **Idea.** Each table has its own guarded write, as in a program with one repository class for each kind of record. Both steps
//! compare everything that they computed from, so no two buyers ever get the same ticket.
//!
//! **Guard.** Each step compares the mod_revision of every key that it writes. Nothing spans the two steps: between them the
//! tickets have left the stock and are in no purchase, and a buyer whose second step fails, or who dies, leaves it at that.
//!
//! **What it still does right.** It never oversells, and it never loses an acknowledged purchase.
//!
//! **Cost.** Three round trips; one more per conflict.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Put, Request, Txn, TxnAnswer, TxnOp};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::PurchasedTicket;

use super::rejection::rejected;
use super::state::{Stock, fetch_latest, reads};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::write::{Taken, enter, take, unchanged};
use super::{PurchaseResult, RetryPolicy, StockCache};
use crate::etcd::{CallError, RecordingClient};
use crate::settings::problem::Checked;
use crate::settings::types::{ATTEMPTS, BACK_OFF, ReadMode};
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// The stock in one transaction, the purchase in another: never oversells, and loses tickets between the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TwoStepSettings {
    /// Pause between the two transactions. It widens the window in which the tickets are nowhere.
    pub pause: Span,
    /// Transactions sent for each of the two steps before the order ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
}

impl Default for TwoStepSettings {
    fn default() -> Self {
        Self { pause: Span::milliseconds(0), attempts: ATTEMPTS, back_off: BACK_OFF }
    }
}

impl StrategySettings for TwoStepSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.pause("pause", self.pause)?;
        scope.retries(self.attempts, self.back_off)
    }

    fn read(&self) -> ReadMode {
        ReadMode::Linearizable
    }

    fn fails_by_design(&self) -> &'static [&'static str] {
        &["conservation", "revenue"]
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(TwoStep { pause: self.pause.0, retries: RetryPolicy::new(self.attempts, self.back_off) })
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        let pause = draws.milliseconds(&[0, 0, 5, 20]);
        Some(Self { pause, attempts: draws.attempts, back_off: draws.back_off })
    }
}

/// The strategy in a run.
#[derive(Clone, Copy, Debug)]
struct TwoStep {
    /// Pause between the two transactions.
    pause: Duration,
    retries: RetryPolicy,
}

/// What the first step took.
struct StockTaken {
    /// The stock after it.
    stock: Stock,
    /// The tickets, with their prices.
    lines: Vec<PurchasedTicket>,
    /// The price of all.
    paid: Cents,
}

/// How a guarded transaction ended.
enum Step {
    /// It was applied, by this revision.
    Applied(Revision),
    /// Another write came first: the stock as it is now.
    Conflict(Stock),
    /// The order ends with this.
    Ended(OrderOutcome),
}

impl ActiveStrategy for TwoStep {
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

impl TwoStep {
    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, cache: &mut StockCache, order: &Order) -> PurchaseResult {
        let (taken, attempts) = match self.take(shop, caller, cache, order).await {
            Ok(taken) => taken,
            Err(result) => return result,
        };
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        self.enter(shop, caller, cache, order, taken, attempts).await
    }

    /// The first step: takes the tickets out of the stock. Returns what was taken, and the attempts that it took.
    ///
    /// # Errors
    /// The end of an order whose tickets were not taken.
    async fn take(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
    ) -> Result<(StockTaken, u32), PurchaseResult> {
        let ended = PurchaseResult::nothing;
        let fetched = fetch_latest(&shop.keys, caller, &order.event, &order.user).await;
        let mut stock = fetched.map_err(|error| ended(rejected(error), 0))?;
        for attempt in 0..self.retries.attempts_max {
            self.back_off(attempt, cache).await;
            let mut after = stock.clone();
            let Taken { puts, lines, paid } = take(shop, &stock, &mut after, order).map_err(|outcome| ended(outcome, attempt))?;
            match send(shop, caller, order, puts).await {
                Step::Applied(_) => return Ok((StockTaken { stock: after, lines, paid }, attempt + 1)),
                Step::Conflict(now) => stock = now,
                Step::Ended(outcome) => return Err(ended(outcome, attempt + 1)),
            }
        }
        Err(ended(OrderOutcome::Conflict, self.retries.attempts_max))
    }

    /// The second step: enters the purchase. Whatever else it ends with, the tickets stay taken.
    async fn enter(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
        StockTaken { mut stock, lines, paid }: StockTaken,
        attempts: u32,
    ) -> PurchaseResult {
        for attempt in 0..self.retries.attempts_max {
            self.back_off(attempt, cache).await;
            let put = match enter(shop, &mut stock, order, lines.clone()) {
                Ok(put) => put,
                Err(outcome) => return PurchaseResult::nothing(outcome, attempts + attempt),
            };
            let attempts = attempts + attempt + 1;
            match send(shop, caller, order, vec![put]).await {
                Step::Applied(revision) => return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid, attempts },
                Step::Conflict(now) => stock = now,
                Step::Ended(outcome) => return PurchaseResult::nothing(outcome, attempts),
            }
        }
        PurchaseResult::nothing(OrderOutcome::Conflict, attempts + self.retries.attempts_max)
    }

    async fn back_off(&self, conflicts: u32, cache: &mut StockCache) {
        if conflicts > 0 {
            tokio::time::sleep(self.retries.pause(conflicts, cache.jitter())).await;
        }
    }
}

/// Writes these keys if each is still at the revision that it was computed from.
async fn send(shop: &Shop, caller: &mut RecordingClient, order: &Order, puts: Vec<(Put, Revision)>) -> Step {
    let guards = puts.iter().map(|(put, revision)| unchanged(put.key.clone(), *revision)).collect();
    let success = puts.into_iter().map(|(put, _)| TxnOp::Put(put)).collect();
    let txn = Txn { guards, success, failure: reads(&shop.keys, &order.event, &order.user) };
    match caller.call(Purpose::Purchase, &[order.key], Request::Txn(txn)).await {
        CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => Step::Applied(revision),
        CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => conflict(shop, &responses),
        CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => Step::Ended(OrderOutcome::Unknown),
        CallOutcome::Refused { code, message } => Step::Ended(rejected(CallError { code, message })),
    }
}

fn conflict(shop: &Shop, responses: &[TxnAnswer]) -> Step {
    match Stock::parse(&shop.keys, responses) {
        Ok(stock) => Step::Conflict(stock),
        Err(error) => Step::Ended(rejected(error)),
    }
}
