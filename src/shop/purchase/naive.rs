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

use std::time::Duration;

use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request, Txn};

use super::PurchaseResult;
use super::state::fetch;
use super::write::{Decision, Write, decide, rejected};
use crate::etcd::{CallError, RecordingClient};
use crate::shop::{Order, Shop};

/// The naive strategy's settings.
#[derive(Clone, Copy, Debug)]
pub struct Naive {
    /// Pause between read and write: the race window, widened.
    pub pause: Duration,
}

impl Naive {
    pub(in crate::shop) async fn buy(&self, shop: &Shop, caller: &mut RecordingClient, order: &Order) -> PurchaseResult {
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
