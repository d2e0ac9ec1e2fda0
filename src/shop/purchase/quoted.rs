//! `quoted`: buys at the price that was quoted. Safe on an etcd that keeps its promises.
//!
//! **Idea.** The buyer is quoted a price: that of the tickets at a revision R, which it remembers. It pays that price even if
//! the shop has changed it meanwhile, and the transaction that sells reads each ticket again *at R*: the
//! receipt carries the proof of the price.
//!
//! **Guard.** That of `optimistic`: the revision of the last write of every key that is written. A conflict renews the
//! stock but not the quote.
//!
//! **Why it is safe.** As `optimistic`. But its transaction reads at a revision, and R may be compacted
//! by the time it is carried out. etcd then answers with an error, `required revision has been compacted`, which sounds as
//! if nothing had happened. In every release so far the transaction was stopped half way, on the members that had already
//! compacted R, and carried out by the others: the members differ from then on (etcd issue 18667). So that error leaves
//! the outcome of the purchase unknown, and **this strategy does not belong in a run that is expected to pass**: it is
//! there to detect that defect, and never part of a matrix by default.
//!
//! **Cost.** As `optimistic`: one round trip without a conflict, one more for each conflict; the answer is larger.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Range, Request, Txn, TxnOp};

use super::optimistic;
use super::rejection::rejected;
use super::state::{Stock, fetch, fetch_latest};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::write::{Decision, Write, decide_at};
use super::{PurchaseResult, RetryPolicy, StockCache};
use crate::etcd::{CallError, RecordingClient};
use crate::settings::problem::Checked;
use crate::settings::types::{ATTEMPTS, BACK_OFF, ReadMode};
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// Bought at the price of an earlier revision, which the transaction reads again: safe on a correct etcd only. It meets a defect
/// of every etcd release so far (etcd issue 18667).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuotedSettings {
    /// Transactions sent for one order before it ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for QuotedSettings {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, back_off: BACK_OFF, read: ReadMode::Linearizable }
    }
}

impl StrategySettings for QuotedSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.retries(self.attempts, self.back_off)
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(Quoted(RetryPolicy::new(self.attempts, self.back_off)))
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        let &mut StrategyDraws { attempts, back_off, read, .. } = draws;
        Some(Self { attempts, back_off, read })
    }
}

/// The strategy in a run: how often an order is tried, and the pauses between the attempts.
#[derive(Clone, Copy, Debug)]
struct Quoted(RetryPolicy);

impl ActiveStrategy for Quoted {
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

impl Quoted {
    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, cache: &mut StockCache, order: &Order) -> PurchaseResult {
        let remembered = cache.take(&order.event);
        // Only what this call has read, as it is now, may refuse.
        let mut fresh = remembered.is_none() && !caller.reads_may_be_stale();
        let mut quote = match remembered {
            Some(stock) => stock,
            None => match fetch(&shop.keys, caller, &order.event, &order.user).await {
                Ok(stock) => stock,
                Err(error) => return PurchaseResult::nothing(rejected(error), 0),
            },
        };
        let mut stock = quote.clone();
        let mut attempts = 0;
        while attempts < self.0.attempts_max {
            let write = match decide_at(shop, &quote, &stock, order) {
                Decision::Buy(write) => write,
                Decision::Refuse(outcome) if fresh => {
                    cache.put(&order.event, stock);
                    return PurchaseResult::nothing(outcome, attempts);
                }
                Decision::Refuse(_) => match fetch_latest(&shop.keys, caller, &order.event, &order.user).await {
                    Ok(read) => {
                        (quote, stock, fresh) = (read.clone(), read, true);
                        continue;
                    }
                    Err(error) => return PurchaseResult::nothing(rejected(error), attempts),
                },
            };
            if attempts > 0 {
                tokio::time::sleep(self.0.pause(attempts, cache.jitter())).await;
            }
            attempts += 1;
            match caller.call(Purpose::Purchase, &[order.key], Request::Txn(transaction(shop, order, &write, &quote))).await {
                CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                    let paid = write.paid;
                    cache.put(&order.event, write.into_stock_at(revision));
                    return PurchaseResult { outcome: OrderOutcome::Sold { revision }, paid, attempts };
                }
                CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, responses }, .. }) => {
                    match Stock::parse(&shop.keys, &responses) {
                        Ok(read) => (stock, fresh) = (read, true),
                        Err(error) => return PurchaseResult::nothing(rejected(error), attempts),
                    }
                }
                // That the revision is compacted is such an answer: see above.
                CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => return PurchaseResult::nothing(OrderOutcome::Unknown, attempts),
                CallOutcome::Refused { code, message } => {
                    return PurchaseResult::nothing(rejected(CallError { code, message }), attempts);
                }
            }
        }
        cache.put(&order.event, stock);
        PurchaseResult::nothing(OrderOutcome::Conflict, attempts)
    }
}

/// The guarded transaction, which also reads each ticket as it was quoted.
pub(super) fn transaction(shop: &Shop, order: &Order, write: &Write, quote: &Stock) -> Txn {
    let mut txn = optimistic::transaction(shop, order, write);
    let quoted = |kind: &String| Range { key: shop.keys.ticket(&order.event, kind), revision: quote.revision(), ..Range::default() };
    txn.success.extend(order.items.iter().map(|(kind, _)| TxnOp::Range(quoted(kind))));
    txn
}

#[cfg(test)]
mod tests {
    use super::super::tests::{order, shop, stock};
    use super::*;

    #[test]
    fn the_quoted_price_is_paid_and_proved_and_the_shop_keeps_its_own() {
        let (quote, mut now, order) = (stock(None), stock(None), order(&[("pink", 2)]));
        let pink = now.tickets.iter_mut().find(|(kind, _)| kind == "pink").map(|(_, ticket)| ticket).unwrap();
        (pink.value.price, pink.mod_revision) = ("60.00".parse().unwrap(), 38);
        let Decision::Buy(write) = decide_at(&shop(), &quote, &now, &order) else { panic!("not bought") };
        assert_eq!(write.paid.0, 2 * 4990);
        assert_eq!(write.puts[0].0.value.to_text(), r#"{"total_quantity":9,"current_quantity":1,"price":60.00}"#);
        assert!(write.puts.last().unwrap().0.value.to_text().contains(r#""price":49.90"#));
        let txn = transaction(&shop(), &order, &write, &quote);
        assert_eq!(txn.guards, write.guards());
        let proof = Range { key: "t/ticket:e1:pink".into(), revision: 31, ..Range::default() };
        assert_eq!(txn.success.last(), Some(&TxnOp::Range(proof)), "the newest write that the quote saw was at revision 31");
    }
}
