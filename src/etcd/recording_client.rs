//! A worker whose calls are recorded, before each is sent and when it returns.

use std::time::Duration;

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::{CallId, CallOutcome, Invoke, Return};
use ticketcd_judge::history::event::{Event, WorkerClosed};
use ticketcd_judge::history::request::{Request, TxnOp};
use ticketcd_judge::history::{MemberIndex, OrderKey};

use super::client::Client;
use crate::record::Sink;
use crate::settings::types::ReadMode;

/// One worker: it makes one call after another, and all are recorded. It has a client for each member and sends to one member
/// at a time.
pub struct RecordingClient {
    clients: Vec<Client>,
    member: MemberIndex,
    timeout: Duration,
    read_mode: ReadMode,
    sink: Sink,
    worker: u32,
    sequence: u32,
}

impl RecordingClient {
    /// A new worker that sends to `member`. `clients` are in the order of the members.
    pub fn new(clients: Vec<Client>, member: MemberIndex, timeout: Duration, sink: Sink) -> Self {
        let worker = sink.next_worker();
        Self { clients, member, timeout, read_mode: ReadMode::Linearizable, sink, worker, sequence: 0 }
    }

    /// The same worker with a mode for its [`read`](Self::read)s.
    pub fn reading(self, read_mode: ReadMode) -> Self {
        Self { read_mode, ..self }
    }

    /// Sets the read mode of further [`read`](Self::read)s.
    pub fn set_read_mode(&mut self, read_mode: ReadMode) {
        self.read_mode = read_mode;
    }

    /// Another worker with the same clients, member, timeout and read mode: for calls that run concurrently with this one's.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(self.clients.clone(), self.member, self.timeout, self.sink.clone()).reading(self.read_mode)
    }

    /// The worker's number.
    pub fn worker(&self) -> u32 {
        self.worker
    }

    /// Where its calls are recorded, and the run's clock.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// The member that it sends to.
    pub fn member(&self) -> MemberIndex {
        self.member
    }

    /// Sends to the next member from now on.
    pub fn rotate(&mut self) {
        let next = (self.member.index() + 1) % self.clients.len();
        self.member = super::member_at(next);
    }

    /// Whether a [`read`](Self::read) may return stale data.
    pub fn reads_may_be_stale(&self) -> bool {
        self.read_mode == ReadMode::Serializable
    }

    /// Makes a call that only reads, in the worker's read mode, and records it.
    pub async fn read(&mut self, purpose: Purpose, mut request: Request) -> CallOutcome {
        if self.read_mode == ReadMode::Serializable {
            match &mut request {
                Request::Range(range) => range.serializable = true,
                Request::Txn(txn) => {
                    for operation in txn.success.iter_mut().chain(&mut txn.failure) {
                        if let TxnOp::Range(range) = operation {
                            range.serializable = true;
                        }
                    }
                }
                _ => {}
            }
        }
        self.call(purpose, &[], request).await
    }

    /// Makes a call for `orders` (none for a read) and records it.
    pub async fn call(&mut self, purpose: Purpose, orders: &[OrderKey], request: Request) -> CallOutcome {
        self.call_within(self.timeout, purpose, orders, request).await
    }

    /// The same with its own timeout, for a call that waits for another client, such as a lock.
    pub async fn call_within(&mut self, timeout: Duration, purpose: Purpose, orders: &[OrderKey], request: Request) -> CallOutcome {
        self.sequence += 1;
        let id = CallId { worker: self.worker, sequence: self.sequence };
        let sent = self.sink.now();
        let invoke = Invoke { id, member: self.member, sent, purpose, orders: orders.to_vec(), request: request.clone() };
        self.sink.record(Event::Invoke(invoke)).await;
        let outcome = self.clients[self.member.index()].call(&request, timeout).await;
        let done = self.sink.now();
        if matches!(outcome, CallOutcome::Unknown { .. }) {
            self.sink.note_unanswered(done);
        }
        self.sink.record(Event::Return(Return { id, done, outcome: outcome.clone() })).await;
        outcome
    }

    /// Records that everything this worker sent is in the record.
    pub async fn close(self) {
        let closed = WorkerClosed { worker: self.worker, last_sequence: self.sequence };
        self.sink.record(Event::WorkerClosed(closed)).await;
    }
}
