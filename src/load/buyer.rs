//! A buyer: one operation at a time, each recorded from beginning to end.

use std::sync::{Arc, OnceLock};

use rand_chacha::ChaCha8Rng;
use ticketcd_judge::history::annotation::{OrderClosed, OrderOutcome, Purpose, QueryClosed};
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::{Nanos, OrderKey};

use super::cancellable_orders::CancellableOrders;
use super::counters::Counters;
use super::mix::{Mix, Operation};
use super::order_generator::OrderGenerator;
use super::watch_workload::WatchWorkload;
use crate::etcd::RecordingClient;
use crate::scenario::streams::stream;
use crate::scenario::types::{Pinning, ReadMode};
use crate::shop::{Cancel, Cancelling, Order, PurchaseResult, Shop, StockCache, queries, range_guard};

/// What all buyers share; none of it changes, but for the counters.
#[derive(Debug)]
pub struct Common {
    /// Where they buy.
    pub shop: Shop,
    /// How they cancel orders.
    pub cancelling: Cancelling,
    /// Draws their orders and queries.
    pub orders: OrderGenerator,
    /// What they do.
    pub mix: Mix,
    /// How purchases read the stock.
    pub purchase_reads: ReadMode,
    /// How queries read.
    pub query_reads: ReadMode,
    /// Which member they use.
    pub pinning: Pinning,
    /// The watches of the load, if there are any; set before the first operation.
    pub watches: OnceLock<WatchWorkload>,
    /// What is counted.
    pub counters: Counters,
}

/// A buyer. It keeps its stock cache and its count of orders over all phases of a run.
pub struct Buyer {
    number: u32,
    common: Arc<Common>,
    caller: RecordingClient,
    cache: StockCache,
    /// The orders that it can cancel.
    cancellable: CancellableOrders,
    /// Draws what to do.
    choices: ChaCha8Rng,
    /// Draws think times.
    thoughts: ChaCha8Rng,
    orders: u32,
    range_guards: u32,
}

impl Buyer {
    /// The buyer with this number, from 0.
    pub fn new(number: u32, seed: u64, common: Arc<Common>, caller: RecordingClient) -> Self {
        Self {
            number,
            common,
            caller,
            cache: StockCache::new(stream(seed, "back-off", number)).with_intentions(stream(seed, "intentions", number)),
            cancellable: CancellableOrders::default(),
            choices: stream(seed, "choices", number),
            thoughts: stream(seed, "thoughts", number),
            orders: 0,
            range_guards: 0,
        }
    }

    /// The random stream for the pauses between its operations.
    pub fn thoughts(&mut self) -> &mut ChaCha8Rng {
        &mut self.thoughts
    }

    /// Runs one operation that was due at `due`. Returns whether it was answered: an operation that was rejected or whose
    /// outcome is unknown was not.
    pub async fn operate(&mut self, due: Nanos) -> bool {
        let common = Arc::clone(&self.common);
        if common.pinning == Pinning::Balanced {
            self.caller.rotate();
        }
        common.counters.start();
        let operation = common.mix.draw(&mut self.choices);
        self.caller.set_read_mode(match operation {
            Operation::Search | Operation::Orders | Operation::Revenue => common.query_reads,
            Operation::Purchase | Operation::Cancel | Operation::Board | Operation::RangeGuard => common.purchase_reads,
        });
        let answered = match operation {
            Operation::Purchase => self.purchase(&common, due).await,
            Operation::Cancel => match self.cancellable.take(&mut self.choices) {
                Some(order) => self.cancel(&common, order, due).await,
                // Without an order to cancel, the buyer buys.
                None => self.purchase(&common, due).await,
            },
            Operation::Search => {
                let wanted = common.orders.draw_search(&mut self.choices);
                let sent = self.caller.sink().now();
                let answered = queries::search(&common.shop.keys, &mut self.caller, &wanted).await.is_ok();
                self.close_query(Purpose::Search, due, sent, answered).await
            }
            Operation::Orders => {
                let user = common.orders.user_of_order(self.number, self.orders);
                let sent = self.caller.sink().now();
                let answered = queries::orders_of(&common.shop.keys, &mut self.caller, user).await.is_ok();
                self.close_query(Purpose::Orders, due, sent, answered).await
            }
            Operation::Revenue => {
                // Without events there is no type, and the revenue of no type is zero.
                let kind = common.orders.draw_type(&mut self.choices).unwrap_or_default();
                let sent = self.caller.sink().now();
                let answered = queries::revenue_of(&common.shop.keys, &mut self.caller, kind).await.is_ok();
                self.close_query(Purpose::Revenue, due, sent, answered).await
            }
            Operation::Board => {
                let user = common.orders.user_of(self.number);
                let watches = common.watches.get();
                let request = watches.and_then(|watches| watches.draw(&common.orders, &common.shop.keys, user, &mut self.choices));
                let sent = self.caller.sink().now();
                let answered = match watches.zip(request) {
                    Some((watches, request)) => watches.watches().open(request, self.caller.member()).await,
                    None => false,
                };
                self.close_query(Purpose::Board, due, sent, answered).await
            }
            Operation::RangeGuard => {
                self.range_guards += 1;
                let sent = self.caller.sink().now();
                let answered = range_guard::write(&common.shop, &mut self.caller, self.range_guards).await;
                self.close_query(Purpose::RangeGuard, due, sent, answered).await
            }
        };
        common.counters.end(answered);
        answered
    }

    /// Revokes its lease, and marks its record as complete.
    pub async fn close(mut self) {
        self.cache.close(&mut self.caller).await;
        self.caller.close().await;
    }

    async fn purchase(&mut self, common: &Common, due: Nanos) -> bool {
        let Some((event, items)) = common.orders.draw_order(&mut self.choices) else { return false };
        let key = self.next_order();
        let user = common.orders.user_of_order(self.number, key.sequence).to_owned();
        let order = Order { key, user, event: event.to_owned(), items, due };
        let sink = self.caller.sink().clone();
        sink.record(Event::OrderPlaced(order.placed(sink.now()))).await;
        let bought = common.shop.buy(&mut self.caller, &mut self.cache, &order).await;
        let sold = matches!(bought.outcome, OrderOutcome::Sold { .. });
        let answered = self.close_order(order.key, bought).await;
        if sold {
            self.cancellable.note(order);
        }
        answered
    }

    /// Cancels an order. After a conflict nothing was written, so the order can be cancelled again.
    async fn cancel(&mut self, common: &Common, order: Order, due: Nanos) -> bool {
        let cancel = Cancel { key: self.next_order(), order, due };
        let sink = self.caller.sink().clone();
        sink.record(Event::CancelPlaced(cancel.placed(sink.now()))).await;
        let cancelled = common.cancelling.cancel(&common.shop, &mut self.caller, &mut self.cache, &cancel).await;
        let conflict = cancelled.outcome == OrderOutcome::Conflict;
        let answered = self.close_order(cancel.key, cancelled).await;
        if conflict {
            self.cancellable.note(cancel.order);
        }
        answered
    }

    fn next_order(&mut self) -> OrderKey {
        self.orders += 1;
        OrderKey { buyer: self.number, sequence: self.orders }
    }

    async fn close_order(&self, order: OrderKey, bought: PurchaseResult) -> bool {
        let sink = self.caller.sink();
        let answered = !matches!(bought.outcome, OrderOutcome::Unknown | OrderOutcome::Rejected { .. });
        let closed = OrderClosed { order, done: sink.now(), outcome: bought.outcome, paid_cents: bought.paid.0, attempts: bought.attempts };
        sink.record(Event::OrderClosed(closed)).await;
        answered
    }

    async fn close_query(&self, purpose: Purpose, due: Nanos, sent: Nanos, answered: bool) -> bool {
        let sink = self.caller.sink();
        let closed = QueryClosed { worker: self.caller.worker(), purpose, due, sent, done: sink.now(), answered };
        sink.record(Event::QueryClosed(closed)).await;
        answered
    }
}
