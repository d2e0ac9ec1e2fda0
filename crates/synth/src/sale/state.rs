//! Buyers: what each knows, orders, sends and waits for.

use crate::cluster::RequestOutcome;
use crate::mutation::Mutation;
use ticketcd_history::call::{CallId, CallOutcome};
use ticketcd_history::request::{KeyValue, Txn};
use ticketcd_history::{MemberIndex, Nanos, OrderKey, Revision};
use ticketcd_judge::model::Cents;

/// A buyer.
#[derive(Debug, Default)]
pub(super) struct Buyer {
    pub(super) calls: u32,
    pub(super) orders: u32,
    pub(super) activity: Activity,
    pub(super) call: Option<Call>,
    /// An order that it will cancel.
    pub(super) cancels_next: Option<Cancellable>,
    /// The highest revisions that its own linearizable reads, its own writes, and any of its responses have named; and the
    /// member that sent the last response.
    pub(super) read: Revision,
    pub(super) written: Revision,
    pub(super) seen: Option<(MemberIndex, Revision)>,
}

/// What a buyer is doing.
#[derive(Debug, Default)]
pub(super) enum Activity {
    #[default]
    Idle,
    /// A search, which reads the stock several times.
    Search {
        began: Nanos,
        reads_left: u8,
        at: Stock,
    },
    Order(Box<Order>),
}

/// What a search reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stock {
    /// A ticket.
    Ticket(usize),
    /// The page of an event, with all of its tickets: it may be stale.
    Page(usize),
}

/// An order that can be cancelled, or is cancelled although it cannot.
#[derive(Clone, Debug)]
pub(super) struct Cancellable {
    pub(super) key: OrderKey,
    pub(super) user: u32,
    pub(super) event: usize,
    pub(super) items: Vec<(usize, i64)>,
    /// The mutation that the cancellation carries.
    pub(super) mutation: Option<Mutation>,
}

/// A call in flight.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) member: MemberIndex,
    pub(super) done: Nanos,
    /// The highest revision that any response had named when it was sent; and any response of its member.
    pub(super) acknowledged: Revision,
    pub(super) acknowledged_here: Revision,
    pub(super) action: Action,
    /// Known once it took effect.
    pub(super) outcome: Option<CallOutcome>,
}

/// What a call does.
#[derive(Debug)]
pub(super) enum Action {
    /// Reads the stock.
    Stock(Stock),
    /// Reads everything that the order is decided by.
    Basket(Txn),
    /// Purchases.
    Purchase(Write, RequestOutcome),
}

/// An order in progress.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) key: OrderKey,
    pub(super) user: u32,
    pub(super) event: usize,
    /// Tickets by index, with quantities; negative ones are returned.
    pub(super) items: Vec<(usize, i64)>,
    /// The order that this one cancels.
    pub(super) cancels: Option<OrderKey>,
    pub(super) attempts: u32,
    pub(super) seen: Option<Seen>,
    /// The mutation that it carries by being placed, or sent, at all.
    pub(super) mutation: Option<Mutation>,
}

/// What a buyer has read of what its order writes.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// By ticket: how many are left, and the revision of that.
    pub(super) tickets: Vec<(i64, Revision)>,
    pub(super) event: (i64, Revision),
    pub(super) purchase: Option<KeyValue>,
    /// The revision at which it was read.
    pub(super) revision: Revision,
}

/// The transaction of an order.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) txn: Txn,
    /// The revision at which its buyer decided.
    pub(super) seen: Revision,
    pub(super) paid: Cents,
    pub(super) mutation: Option<Mutation>,
}
