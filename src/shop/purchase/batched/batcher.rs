//! The batcher of one event: a task that receives orders and sends them together.

use std::collections::VecDeque;

use ticketcd_judge::history::OrderKey;
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request, Txn};
use ticketcd_judge::model::Cents;
use tokio::sync::{mpsc, oneshot};

use super::super::PurchaseResult;
use super::super::rejection::rejected;
use super::super::state::{ReadError, responses};
use super::batch::{Batch, BatchContext, fitting, users_of};
use super::known::{Known, reads};
use crate::etcd::errors::{self, Cause};
use crate::etcd::{CallError, RecordingClient};
use crate::shop::Order;

/// A queued order, and the channel on which its buyer waits for the result.
pub(super) struct Job {
    pub(super) order: Order,
    pub(super) answer: oneshot::Sender<PurchaseResult>,
    /// Writing transactions sent for it.
    pub(super) attempts: u32,
}

/// The batcher of one event.
pub(super) struct Batcher {
    pub(super) context: BatchContext,
    pub(super) caller: RecordingClient,
    /// The event as last read or written; none before the first read, and after an answer was lost.
    known: Option<Known>,
    /// Another client has written since: the event must be read again.
    outdated: bool,
    /// Orders that are queued and not in flight.
    waiting: VecDeque<Job>,
    attempts_max: u32,
    /// Operations in one transaction, at most.
    operations_max: usize,
    /// Orders in one batch, at most: halved when etcd rejects a batch as too large, one more after each accepted batch.
    orders_max: usize,
}

/// How current the batcher's knowledge of the stock is.
struct Freshness {
    /// Whether the stock was read through consensus after the orders were placed: only then may one be refused without proof.
    fresh: bool,
    /// Whether the next read must go through consensus. A stale read is enough for a batch: its guards detect it.
    latest: bool,
}

/// How an attempt at a batch ended.
enum Attempt {
    /// Every order is answered.
    Done,
    /// Another client wrote, and the stock was read again: retry these.
    Again(Vec<Job>),
    /// Too large: split into two.
    Split(Vec<Job>),
}

impl Batcher {
    pub(super) fn new(context: BatchContext, caller: RecordingClient, attempts_max: u32, operations_max: usize) -> Self {
        let (known, waiting) = (None, VecDeque::new());
        Self { context, caller, known, outdated: false, waiting, attempts_max, operations_max, orders_max: operations_max }
    }

    /// Serves orders until the queue is closed.
    pub(super) async fn serve(mut self, mut inbox: mpsc::Receiver<Job>) {
        while !self.waiting.is_empty() || self.receive(&mut inbox).await {
            self.gather(&mut inbox).await;
            let count = fitting(self.waiting.iter().map(|job| &job.order).take(self.orders_max), self.operations_max);
            let batch = self.waiting.drain(..count).collect();
            self.carry_out(batch).await;
        }
        self.caller.close().await;
    }

    /// Waits for an order.
    async fn receive(&mut self, inbox: &mut mpsc::Receiver<Job>) -> bool {
        let first = inbox.recv().await;
        let received = first.is_some();
        self.waiting.extend(first);
        received
    }

    /// Receives all queued orders, and yields so that buyers that were just answered can order again. There is no timer: it
    /// ends as soon as no order arrives.
    async fn gather(&mut self, inbox: &mut mpsc::Receiver<Job>) {
        loop {
            tokio::task::yield_now().await;
            let before = self.waiting.len();
            while self.waiting.len() < self.operations_max
                && let Ok(job) = inbox.try_recv()
            {
                self.waiting.push_back(job);
            }
            if self.waiting.len() == before {
                return;
            }
        }
    }

    /// Tries a batch until every order in it is answered.
    async fn carry_out(&mut self, batch: Vec<Job>) {
        let mut batches = VecDeque::from([batch]);
        while let Some(mut jobs) = batches.pop_front() {
            let mut freshness = Freshness { fresh: false, latest: !self.caller.reads_may_be_stale() };
            loop {
                match self.attempt(jobs, &mut freshness).await {
                    Attempt::Done => break,
                    Attempt::Again(again) => jobs = again,
                    Attempt::Split(mut first) => {
                        let second = first.split_off(first.len() / 2);
                        self.orders_max = first.len().max(1);
                        batches.push_front(second);
                        batches.push_front(first);
                        break;
                    }
                }
            }
        }
    }

    async fn attempt(&mut self, mut jobs: Vec<Job>, freshness: &mut Freshness) -> Attempt {
        let Some(known) = self.known.as_mut().filter(|_| !self.outdated) else {
            return match self.fetch(&jobs, freshness.latest).await {
                Ok(()) => {
                    freshness.fresh = freshness.latest;
                    Attempt::Again(jobs)
                }
                Err(ReadError::NotAnswered(error)) if error.cause() == Some(Cause::TooLarge) && jobs.len() > 1 => Attempt::Split(jobs),
                Err(error) => refuse_all(jobs, &rejected(error)),
            };
        };
        // The batch borrows the orders; the jobs are answered afterwards.
        let orders: Vec<Order> = jobs.iter().map(|job| job.order.clone()).collect();
        let orders: Vec<&Order> = orders.iter().collect();
        let batch = Batch::new(&self.context, known, &orders);
        if !batch.sells() {
            if freshness.fresh {
                return answer_all(jobs, batch.results, 0);
            }
            // The cached stock, or the one read from a single member, may be stale: tickets may have been added.
            (self.known, freshness.latest) = (None, true);
            return Attempt::Again(jobs);
        }
        if jobs.iter().any(|job| job.attempts >= self.attempts_max) {
            return refuse_all(jobs, &OrderOutcome::Conflict);
        }
        let mut sold: Vec<OrderKey> = Vec::with_capacity(jobs.len());
        for (job, result) in jobs.iter_mut().zip(&batch.results) {
            if result.is_ok() {
                job.attempts += 1;
                sold.push(job.order.key);
            }
        }
        match self.caller.call(Purpose::Purchase, &sold, Request::Txn(batch.transaction())).await {
            CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                self.orders_max = (self.orders_max + 1).min(self.operations_max);
                let results = batch.results.clone();
                batch.apply(known, revision);
                answer_all(jobs, results, revision)
            }
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, .. }, .. }) => {
                // The next read must include the write that made it fail.
                (self.outdated, freshness.latest) = (true, true);
                Attempt::Again(jobs)
            }
            // An answer that does not fit the request leaves the outcome unknown.
            CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => {
                let results = batch.results;
                self.known = None;
                self.caller.rotate();
                let mut refused = Vec::new();
                for (job, result) in jobs.into_iter().zip(results) {
                    match result {
                        Ok(_) => job.answer(OrderOutcome::Unknown, Cents(0)),
                        // Not in the transaction, and not proved: decided again after a fresh read.
                        Err(_) => refused.push(job),
                    }
                }
                freshness.fresh = false;
                if refused.is_empty() { Attempt::Done } else { Attempt::Again(refused) }
            }
            CallOutcome::Refused { code, message } if errors::cause(&code, &message) == Some(Cause::TooLarge) && jobs.len() > 1 => {
                Attempt::Split(jobs)
            }
            CallOutcome::Refused { code, message } => {
                self.caller.rotate();
                refuse_all(jobs, &rejected(CallError { code, message }))
            }
        }
    }

    /// Reads the event, its tickets and the purchases of the orders' users, as they are now or in the caller's read mode: one
    /// round trip.
    async fn fetch(&mut self, jobs: &[Job], latest: bool) -> Result<(), ReadError> {
        let users = users_of(jobs.iter().map(|job| &job.order));
        let success = reads(&self.context.keys, &self.context.event, &users);
        let request = Request::Txn(Txn { guards: Vec::new(), success, failure: Vec::new() });
        let outcome = match latest {
            true => self.caller.call(Purpose::Purchase, &[], request).await,
            false => self.caller.read(Purpose::Purchase, request).await,
        };
        let responses = responses(outcome).inspect_err(|error| {
            if matches!(error, ReadError::NotAnswered(_)) {
                self.caller.rotate();
            }
        })?;
        // For users that are not in this batch the cached purchases stay.
        let mut known = self.known.take().unwrap_or_default();
        known.learn(&self.context.keys, &users, &responses)?;
        (self.known, self.outdated) = (Some(known), false);
        Ok(())
    }
}

impl Job {
    fn answer(self, outcome: OrderOutcome, paid: Cents) {
        // The buyer may have ended.
        let _ = self.answer.send(PurchaseResult { outcome, paid, attempts: self.attempts });
    }
}

fn answer_all(jobs: Vec<Job>, results: Vec<Result<Cents, OrderOutcome>>, revision: i64) -> Attempt {
    for (job, result) in jobs.into_iter().zip(results) {
        match result {
            Ok(paid) => job.answer(OrderOutcome::Sold { revision }, paid),
            Err(outcome) => job.answer(outcome, Cents(0)),
        }
    }
    Attempt::Done
}

fn refuse_all(jobs: Vec<Job>, outcome: &OrderOutcome) -> Attempt {
    for job in jobs {
        job.answer(outcome.clone(), Cents(0));
    }
    Attempt::Done
}
