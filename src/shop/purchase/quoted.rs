//! `quoted`: buys at the price that was quoted. Safe on an etcd that keeps its promises.
//!
//! **Idea.** The buyer is quoted a price: that of the tickets at a revision R, which it remembers. Whatever the shop does
//! to its prices meanwhile, it pays what it was quoted, and the transaction that sells reads each ticket again *at R*: the
//! receipt carries the proof of the price.
//!
//! **Guard.** That of `optimistic`: the revision of the last write of every key that is written. A conflict renews the
//! stock but not the quote.
//!
//! **Why it is safe.** As `optimistic`. But its transaction reads at a revision, and R may be compacted
//! by the time it is carried out. etcd then answers with an error, `required revision has been compacted`, which sounds as
//! if nothing had happened. In every release so far the transaction was stopped half way, on the members that had already
//! compacted R, and carried out by the others: the members differ from then on (etcd issue 18667). So that error says
//! nothing about the purchase, whose outcome is unknown, and **this strategy belongs into no run that is to pass**: it is
//! there to detect that defect, and never part of a matrix by default.
//!
//! **Cost.** As `optimistic`: one round trip without a conflict, one more for each conflict; the answer is larger.

use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Range, Request, Txn, TxnOp};

use super::optimistic;
use super::state::{Stock, fetch, fetch_latest};
use super::write::{Decision, Write, decide_at, rejected};
use super::{PurchaseResult, RetryPolicy, StockCache};
use crate::etcd::{CallError, RecordingClient};
use crate::shop::{Order, Shop};

/// The quoted strategy's settings: how often an order is tried, and the pauses between the attempts.
#[derive(Clone, Copy, Debug)]
pub struct Quoted(pub RetryPolicy);

impl Quoted {
    pub(in crate::shop) async fn buy(
        &self,
        shop: &Shop,
        caller: &mut RecordingClient,
        cache: &mut StockCache,
        order: &Order,
    ) -> PurchaseResult {
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
