//! `naive`: get, check, put. **Unsafe**: oversells as soon as two buyers meet.
//!
//! **Idea.** Read the stock; if there is enough, write it back with less. This is how the query of the original project
//! does it, and how most people write it first.
//!
//! **Guard.** None. Between the read and the write another buyer may have read the same "one left": both write "none
//! left", both have a ticket, and the counter has moved once for two sales.
//!
//! **What it still does right.** All keys are written in one transaction, so that a sale is never half written: what
//! goes wrong here is the missing guard and nothing else.
//!
//! **Cost.** Two round trips, always: one more than doing it right.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request, Txn};

use super::rejection::rejected;
use super::state::fetch;
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::write::{Decision, Write, decide};
use super::{PurchaseResult, StockCache};
use crate::etcd::{CallError, RecordingClient};
use crate::settings::problem::Checked;
use crate::settings::types::ReadMode;
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// Get, check, put: oversells under concurrency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NaiveSettings {
    /// Pause between the read and the write. It widens the race window, so that a lesson does not depend on luck.
    pub pause: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for NaiveSettings {
    fn default() -> Self {
        Self { pause: Span::milliseconds(0), read: ReadMode::Linearizable }
    }
}

impl StrategySettings for NaiveSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.pause("pause", self.pause)
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn fails_by_design(&self) -> &'static [&'static str] {
        &["oversell", "conservation", "revenue", "ledger", "refusal"]
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(Naive { pause: self.pause.0 })
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        Some(Self { pause: draws.milliseconds(&[0, 0, 5, 20]), read: draws.read })
    }
}

/// The strategy in a run.
#[derive(Clone, Copy, Debug)]
struct Naive {
    /// Pause between read and write: the race window, widened.
    pause: Duration,
}

impl ActiveStrategy for Naive {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        _cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.purchase(shop, caller, order))
    }
}

impl Naive {
    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, order: &Order) -> PurchaseResult {
        let stock = match fetch(&shop.keys, caller, &order.event, &order.user).await {
            Ok(stock) => stock,
            Err(error) => return PurchaseResult::nothing(rejected(error), 0),
        };
        let write = match decide(shop, &stock, order) {
            Decision::Buy(write) => write,
            Decision::Refuse(outcome) => return PurchaseResult::nothing(outcome, 0),
        };
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        match caller.call(Purpose::Purchase, &[order.key], Request::Txn(transaction(&write))).await {
            CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid: write.paid, attempts: 1 }
            }
            CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => PurchaseResult::nothing(OrderOutcome::Unknown, 1),
            CallOutcome::Refused { code, message } => PurchaseResult::nothing(rejected(CallError { code, message }), 1),
        }
    }
}

/// The transaction without a guard.
pub(super) fn transaction(write: &Write) -> Txn {
    Txn { guards: Vec::new(), success: write.operations(), failure: Vec::new() }
}
