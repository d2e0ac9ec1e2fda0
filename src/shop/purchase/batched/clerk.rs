//! The clerk of one event: a task that takes orders in and carries them out together.

use std::collections::VecDeque;

use ticketcd_judge::history::OrderKey;
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request, Txn};
use ticketcd_judge::shop::model::Cents;
use tokio::sync::{mpsc, oneshot};

use super::super::Bought;
use super::super::state::Unreadable;
use super::batch::{Batch, Desk, fitting, users_of};
use super::known::{Known, reads};
use crate::etcd::RecordingClient;
use crate::etcd::errors::{self, Cause};
use crate::shop::Order;

/// An order on a clerk's desk, and where its buyer waits for the answer.
pub(super) struct Job {
    pub(super) order: Order,
    pub(super) answer: oneshot::Sender<Bought>,
    /// Writing transactions sent for it.
    pub(super) attempts: u32,
}

/// The clerk of one event.
pub(super) struct Clerk {
    pub(super) desk: Desk,
    pub(super) caller: RecordingClient,
    /// What it knows of the event; nothing before its first read, and after an answer was lost.
    known: Option<Known>,
    /// Somebody else has written since: what is known must be read again.
    outdated: bool,
    /// Orders that were taken in and are not under way.
    waiting: VecDeque<Job>,
    attempts_max: u32,
    /// Operations in one transaction, at most.
    operations_max: usize,
    /// Orders in one batch, at most: halved when etcd finds a batch too large, one more after each that it took.
    orders_max: usize,
}

/// What a clerk may say about the orders of a batch.
struct Sight {
    /// Whether the stock was read, as it was, since they were placed: only then may one be refused without proof.
    fresh: bool,
    /// Whether the next read must be such a one. What one member has may do for a batch, whose guards find out.
    latest: bool,
}

/// How an attempt at a batch ended.
enum Attempt {
    /// Every order is answered.
    Done,
    /// Others wrote, and what is there now is known: try these again.
    Again(Vec<Job>),
    /// Too large: two halves.
    Split(Vec<Job>),
}

impl Clerk {
    pub(super) fn new(desk: Desk, caller: RecordingClient, attempts_max: u32, operations_max: usize) -> Self {
        let (known, waiting) = (None, VecDeque::new());
        Self { desk, caller, known, outdated: false, waiting, attempts_max, operations_max, orders_max: operations_max }
    }

    /// Serves until nobody can place an order any more.
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
        let came = first.is_some();
        self.waiting.extend(first);
        came
    }

    /// Takes in who else has come, and lets everybody who is about to come do so: whoever was answered a moment ago has
    /// not had the time to order again. No clock: it is over as soon as nobody came.
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
            let mut sight = Sight { fresh: false, latest: !self.caller.reads_may_be_stale() };
            loop {
                match self.attempt(jobs, &mut sight).await {
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

    async fn attempt(&mut self, mut jobs: Vec<Job>, sight: &mut Sight) -> Attempt {
        let Some(known) = self.known.as_mut().filter(|_| !self.outdated) else {
            return match self.fetch(&jobs, sight.latest).await {
                Ok(()) => {
                    sight.fresh = sight.latest;
                    Attempt::Again(jobs)
                }
                Err(NotRead { cause: Some(Cause::TooLarge), .. }) if jobs.len() > 1 => Attempt::Split(jobs),
                Err(NotRead { reason, .. }) => refuse_all(jobs, &OrderOutcome::Rejected { reason }),
            };
        };
        // The batch borrows the orders; the jobs are answered afterwards.
        let orders: Vec<Order> = jobs.iter().map(|job| job.order.clone()).collect();
        let orders: Vec<&Order> = orders.iter().collect();
        let batch = Batch::new(&self.desk, known, &orders);
        if !batch.sells() {
            if sight.fresh {
                return answer_all(jobs, batch.fates, 0);
            }
            // What is remembered, or was read of one member, may be out of date: somebody may have added tickets.
            (self.known, sight.latest) = (None, true);
            return Attempt::Again(jobs);
        }
        if jobs.iter().any(|job| job.attempts >= self.attempts_max) {
            return refuse_all(jobs, &OrderOutcome::Conflict);
        }
        let mut sold: Vec<OrderKey> = Vec::with_capacity(jobs.len());
        for (job, fate) in jobs.iter_mut().zip(&batch.fates) {
            if fate.is_ok() {
                job.attempts += 1;
                sold.push(job.order.key);
            }
        }
        match self.caller.call(Purpose::Purchase, &sold, Request::Txn(batch.transaction())).await {
            CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded: true, .. }, .. }) => {
                self.orders_max = (self.orders_max + 1).min(self.operations_max);
                let fates = batch.fates.clone();
                batch.settle(known, revision);
                answer_all(jobs, fates, revision)
            }
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { succeeded: false, .. }, .. }) => {
                // What is read next must show what made it fail.
                (self.outdated, sight.latest) = (true, true);
                Attempt::Again(jobs)
            }
            // An answer to something else than was asked says nothing about whether it was written.
            CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => {
                let fates = batch.fates;
                self.known = None;
                self.caller.rotate();
                let mut refused = Vec::new();
                for (job, fate) in jobs.into_iter().zip(fates) {
                    match fate {
                        Ok(_) => job.answer(OrderOutcome::Unknown, Cents(0)),
                        // Not in the transaction, and not proved: decided again on a fresh read.
                        Err(_) => refused.push(job),
                    }
                }
                sight.fresh = false;
                if refused.is_empty() { Attempt::Done } else { Attempt::Again(refused) }
            }
            CallOutcome::Refused { code, message } if errors::cause(&code, &message) == Some(Cause::TooLarge) && jobs.len() > 1 => {
                Attempt::Split(jobs)
            }
            CallOutcome::Refused { code, message } => {
                self.caller.rotate();
                refuse_all(jobs, &OrderOutcome::Rejected { reason: format!("{code}: {message}") })
            }
        }
    }

    /// Reads the event, its tickets and the purchases of the orders' users, as they are now or in the caller's read mode: one
    /// round trip.
    async fn fetch(&mut self, jobs: &[Job], latest: bool) -> Result<(), NotRead> {
        let users = users_of(jobs.iter().map(|job| &job.order));
        let success = reads(&self.desk.keys, &self.desk.event, &users);
        let request = Request::Txn(Txn { guards: Vec::new(), success, failure: Vec::new() });
        let outcome = match latest {
            true => self.caller.call(Purpose::Purchase, &[], request).await,
            false => self.caller.read(Purpose::Purchase, request).await,
        };
        match outcome {
            CallOutcome::Ok(Answer { body: AnswerBody::Txn { responses, .. }, .. }) => {
                // Of users that are not in this batch it goes on assuming what it knew.
                let mut known = self.known.take().unwrap_or_default();
                known.learn(&self.desk.keys, &users, &responses).map_err(NotRead::from)?;
                (self.known, self.outdated) = (Some(known), false);
                Ok(())
            }
            CallOutcome::Ok(_) => Err(Unreadable::Shape.into()),
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => {
                self.caller.rotate();
                let cause = errors::cause(&code, &message);
                Err(NotRead { cause, reason: format!("the stock could not be read: {code}: {message}") })
            }
        }
    }
}

/// Why the stock could not be read.
struct NotRead {
    /// What can be done about it, where that is known.
    cause: Option<Cause>,
    /// For the buyers.
    reason: String,
}

impl From<Unreadable> for NotRead {
    fn from(error: Unreadable) -> Self {
        Self { cause: None, reason: error.to_string() }
    }
}

impl Job {
    fn answer(self, outcome: OrderOutcome, paid: Cents) {
        // A buyer that is gone wants no answer.
        let _ = self.answer.send(Bought { outcome, paid, attempts: self.attempts });
    }
}

fn answer_all(jobs: Vec<Job>, fates: Vec<Result<Cents, OrderOutcome>>, revision: i64) -> Attempt {
    for (job, fate) in jobs.into_iter().zip(fates) {
        match fate {
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
