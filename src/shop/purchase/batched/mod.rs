//! `batched`: concurrent orders for an event in one guarded transaction. Safe, and the fastest on a hot event.
//!
//! **Idea.** On a hot ticket `optimistic` buyers make each other fail: of all that try at once, one wins. So let them not
//! try at once. Each event has a *clerk*, a task that takes orders in; it works out what all of them together leave, and
//! writes that in one transaction. While it waits for the answer the next orders arrive: they are the next batch. So a
//! batch is as large as the crowd, and nobody waits for a clock.
//!
//! **Guard.** The transaction compares the revision of the last write of *every* key it writes: the tickets, the event,
//! the purchases of every user in the batch. Orders of one user become one write of that user's purchases. A ticket that
//! is only the reason of a refusal is compared too: when the transaction succeeds, the refusal was true at its revision.
//!
//! **Why it is safe.** As in `optimistic`: all comparisons and all writes are one revision, so what was worked out is
//! written only if nothing it was worked out from has changed. An order that cannot be served is left out, alone. When no
//! answer comes nobody knows whether the batch was written, so *all* its orders are unknown: none is sent again, the clerk
//! forgets what it knew and reads again. A batch that etcd finds too large was not written, and goes in two halves.
//!
//! **Cost.** One round trip for the whole batch when only the clerk writes, for it remembers what it wrote. Of a user it
//! has not met it assumes that there are no purchases; a wrong guess is a conflict. A conflict costs two round trips more,
//! to read and to try again: a failure branch that reads, as in `optimistic`, would travel with every batch through the
//! log of every member, and with one clerk hardly any batch fails. The clerk talks to one member, whichever members its
//! buyers are pinned to, and moves on to the next when it is refused or not answered.

mod batch;
mod clerk;
mod known;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustc_hash::FxHashMap;
use ticketcd_judge::history::annotation::OrderOutcome;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::batch::Desk;
use self::clerk::{Clerk, Job};
use super::Bought;
use crate::etcd::RecordingClient;
use crate::shop::{Order, Shop};

/// Orders that may wait for a clerk before buyers have to wait for a place.
const QUEUE_LENGTH: usize = 1024;

/// The batched strategy's settings, and its clerks. Cloning shares the clerks.
#[derive(Clone, Debug)]
pub struct Batched {
    /// Transactions to try before giving up.
    pub attempts_max: u32,
    /// Guards, writes or reads in one transaction, at most.
    pub operations_max: usize,
    clerks: Arc<Clerks>,
}

/// The clerks. They end with the last clone of the strategy at the latest.
#[derive(Debug, Default)]
struct Clerks {
    /// By event, where its clerk takes orders in.
    counters: RwLock<FxHashMap<String, mpsc::Sender<Job>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Batched {
    /// A strategy without clerks: each comes with the first order for its event.
    pub fn new(attempts_max: u32, operations_max: usize) -> Self {
        Self { attempts_max, operations_max, clerks: Arc::default() }
    }

    pub(in crate::shop) async fn buy(&self, shop: &Shop, caller: &mut RecordingClient, order: &Order) -> Bought {
        let (answer, answered) = oneshot::channel();
        let job = Job { order: order.clone(), answer, attempts: 0 };
        if self.counter(shop, caller, &order.event).send(job).await.is_err() {
            let reason = "the clerk of the event is gone".to_owned();
            return Bought::nothing(OrderOutcome::Rejected { reason }, 0);
        }
        // A clerk that goes away with the order has panicked, which `close` passes on. It may have sent the order.
        answered.await.unwrap_or_else(|_| Bought::nothing(OrderOutcome::Unknown, 1))
    }

    /// Lets the clerks serve who still waits and say that everything they sent is in the record. A panic in one of them is
    /// a panic here.
    pub(in crate::shop) async fn close(&self) {
        self.clerks.counters.write().unwrap_or_else(PoisonError::into_inner).clear();
        let mut tasks = std::mem::take(&mut *self.clerks.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(ended) = tasks.join_next().await {
            if let Err(Ok(panic)) = ended.map_err(tokio::task::JoinError::try_into_panic) {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Where the clerk of an event takes orders in.
    fn counter(&self, shop: &Shop, caller: &RecordingClient, event: &str) -> mpsc::Sender<Job> {
        if let Some(counter) = self.clerks.counters.read().unwrap_or_else(PoisonError::into_inner).get(event) {
            return counter.clone();
        }
        let mut counters = self.clerks.counters.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(event) {
            return counter.clone();
        }
        let (counter, inbox) = mpsc::channel(QUEUE_LENGTH);
        let desk = Desk { keys: shop.keys.clone(), run_tag: shop.run_tag.clone(), date: shop.date.clone(), event: event.to_owned() };
        let clerk = Clerk::new(desk, caller.fork(), self.attempts_max, self.operations_max);
        self.clerks.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(clerk.serve(inbox));
        counters.insert(event.to_owned(), counter.clone());
        counter
    }
}
