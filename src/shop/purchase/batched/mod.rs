//! `batched`: concurrent orders for an event in one guarded transaction. Safe, and the fastest on a hot event.
//!
//! **Idea.** On a hot ticket `optimistic` buyers conflict: of all concurrent purchases one succeeds. Here each event has a
//! *batcher*, a task that receives its orders, computes their combined effect and writes it in one transaction. The orders
//! that arrive while it waits for the answer form the next batch. So the batch grows with the number of concurrent buyers, and
//! no timer delays an order.
//!
//! **Guard.** The transaction compares the revision of the last write of *every* key it writes: the tickets, the event,
//! the purchases of every user in the batch. Orders of one user become one write of that user's purchases. A ticket that
//! is only the reason for a refusal is compared too: when the transaction succeeds, the refusal was true at its revision.
//!
//! **Why it is safe.** As in `optimistic`: all comparisons and all writes are one revision, so what was worked out is
//! written only if nothing it was computed from has changed. An order that cannot be served is left out alone. When no
//! answer comes, the outcome of the batch and of *all* its orders is unknown: none is resent, and the batcher discards its state
//! and reads again. A batch that etcd rejects as too large was not written and is split in two.
//!
//! **Cost.** One round trip for the whole batch when only the batcher writes, because it caches what it wrote. For a
//! new user it assumes that there are no purchases; a wrong guess is a conflict. A conflict costs two round trips more,
//! to read and to try again: a failure branch that reads, as in `optimistic`, would travel with every batch through the
//! log of every member, and with one batcher hardly any batch fails. The batcher talks to one member, whichever members its
//! buyers are pinned to, and switches to the next member when a request is refused or not answered.

mod batch;
mod batcher;
mod known;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::OrderOutcome;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::batch::BatchContext;
use self::batcher::{Batcher, Job};
use super::rejection::{Refusal, rejected};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_draws::StrategyDraws;
use super::strategy_scope::StrategyScope;
use super::{PurchaseResult, StockCache};
use crate::etcd::RecordingClient;
use crate::settings::limits;
use crate::settings::problem::{Checked, Problem, between};
use crate::settings::types::{ATTEMPTS, ReadMode};
use crate::shop::{Order, Shop};

/// Orders that may be queued at a batcher before buyers have to wait.
const QUEUE_LENGTH: usize = 1024;

/// Concurrent orders for an event in one guarded transaction: safe, and the fastest on a hot event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchedSettings {
    /// Batches that an order may be part of before it ends as a conflict.
    pub attempts: u32,
    /// Operations in one transaction, at most. More than etcd accepts are refused: 128, unless `--max-txn-ops` in `cluster.flags`
    /// names another limit.
    pub max_txn_ops: u32,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for BatchedSettings {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, max_txn_ops: 128, read: ReadMode::Linearizable }
    }
}

impl StrategySettings for BatchedSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.attempts(self.attempts)?;
        let path = scope.at("max_txn_ops");
        between(&path, self.max_txn_ops, limits::TXN_OPERATIONS_MIN, limits::TXN_OPERATIONS_MAX)?;
        let types_max = scope.types_max;
        let needed = types_max.saturating_add(2);
        if self.max_txn_ops < needed {
            let message = format!("an order of {types_max} ticket types needs {needed} operations: each ticket, the event, the purchases");
            return Err(Problem::new(path, message));
        }
        let (operations, accepted) = (self.max_txn_ops, scope.txn_operations_max);
        if operations > accepted {
            let message = format!("{operations} is more than the {accepted} operations that etcd accepts in one transaction");
            return Err(Problem::new(path, message)
                .help(format!("use at most {accepted}, or raise etcd's limit: add \"--max-txn-ops={operations}\" to cluster.flags")));
        }
        Ok(())
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn start(&self, _context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        Arc::new(Batched {
            attempts_max: self.attempts.max(1),
            // At least 32 bits on every supported platform.
            operations_max: self.max_txn_ops as usize,
            batchers: Batchers::default(),
        })
    }

    fn defaults() -> Option<Self> {
        Some(Self::default())
    }

    fn draw(draws: &mut StrategyDraws<'_>) -> Option<Self> {
        let &mut StrategyDraws { attempts, read, .. } = draws;
        Some(Self { max_txn_ops: draws.one_of(&[8, 32, 128, 128], 128), attempts, read })
    }
}

/// The strategy in a run, with its batchers.
#[derive(Debug)]
struct Batched {
    /// Transactions to try before giving up.
    attempts_max: u32,
    /// Guards, writes or reads in one transaction, at most.
    operations_max: usize,
    batchers: Batchers,
}

/// The batchers. They end when the strategy is dropped, at the latest.
#[derive(Debug, Default)]
struct Batchers {
    /// By event, the queue of its batcher.
    queues: RwLock<FxHashMap<String, mpsc::Sender<Job>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl ActiveStrategy for Batched {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        _cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.purchase(shop, caller, order))
    }

    /// Lets the batchers serve the queued orders and finish their records. Propagates a panic of a batcher.
    fn close(&self) -> Pending<'_, ()> {
        Box::pin(self.join())
    }
}

impl Batched {
    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, order: &Order) -> PurchaseResult {
        let (answer, answered) = oneshot::channel();
        let job = Job { order: order.clone(), answer, attempts: 0 };
        if self.queue(shop, caller, &order.event).send(job).await.is_err() {
            return PurchaseResult::nothing(rejected(Refusal::BatcherEnded), 0);
        }
        // A batcher that ends without an answer has panicked; `close` propagates that. It may have sent the order.
        answered.await.unwrap_or_else(|_| PurchaseResult::nothing(OrderOutcome::Unknown, 1))
    }

    async fn join(&self) {
        self.batchers.queues.write().unwrap_or_else(PoisonError::into_inner).clear();
        let mut tasks = std::mem::take(&mut *self.batchers.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(ended) = tasks.join_next().await {
            if let Err(Ok(panic)) = ended.map_err(tokio::task::JoinError::try_into_panic) {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// The queue of an event's batcher, which is started by the first order for its event.
    fn queue(&self, shop: &Shop, caller: &RecordingClient, event: &str) -> mpsc::Sender<Job> {
        if let Some(queue) = self.batchers.queues.read().unwrap_or_else(PoisonError::into_inner).get(event) {
            return queue.clone();
        }
        let mut queues = self.batchers.queues.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(event) {
            return queue.clone();
        }
        let (queue, inbox) = mpsc::channel(QUEUE_LENGTH);
        let context =
            BatchContext { keys: shop.keys.clone(), run_tag: shop.run_tag.clone(), date: shop.date.clone(), event: event.to_owned() };
        let batcher = Batcher::new(context, caller.fork(), self.attempts_max, self.operations_max);
        self.batchers.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(batcher.serve(inbox));
        queues.insert(event.to_owned(), queue.clone());
        queue
    }
}
