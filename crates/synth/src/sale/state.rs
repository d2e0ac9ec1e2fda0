//! Buyers, and what they are in the middle of: what each knows, wants, asks and waits for.

use super::super::Plant;
use ticketcd_history::call::{CallId, CallOutcome};
use ticketcd_history::request::KeyValue;
use ticketcd_judge::model::{Blob, Cents, MemberIndex, Nanos, OrderKey, Revision};

/// A buyer.
#[derive(Debug, Default)]
pub(super) struct Buyer {
    pub(super) calls: u32,
    pub(super) orders: u32,
    pub(super) activity: Activity,
    pub(super) call: Option<Call>,
    /// An order that it will take back.
    pub(super) regrets: Option<Bought>,
    /// The highest revisions that its own linearizable reads, its own writes, and any of its answers have named; and the
    /// member that gave the last answer.
    pub(super) read: Revision,
    pub(super) written: Revision,
    pub(super) seen: Option<(MemberIndex, Revision)>,
}

/// What a buyer is in the middle of.
#[derive(Debug, Default)]
pub(super) enum Activity {
    #[default]
    Nothing,
    /// A look at the stock, read again and again.
    Look {
        began: Nanos,
        reads_left: u8,
        at: Stock,
    },
    Order(Box<Order>),
}

/// What a look is at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stock {
    /// A ticket.
    Ticket(usize),
    /// The page of an event, with all of its tickets: it may be stale.
    Page(usize),
}

/// What was bought, or is to be taken back as if it had been.
#[derive(Clone, Debug)]
pub(super) struct Bought {
    pub(super) key: OrderKey,
    pub(super) user: u32,
    pub(super) event: usize,
    pub(super) items: Vec<(usize, i64)>,
    /// What is planted by taking it back.
    pub(super) plants: Option<Plant>,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) member: MemberIndex,
    pub(super) done: Nanos,
    /// The highest revision that anybody had been told when it was sent; and that its member had told anybody.
    pub(super) told: Revision,
    pub(super) told_here: Revision,
    pub(super) asked: Asked,
    /// Known once it took effect.
    pub(super) outcome: Option<CallOutcome>,
}

/// What a call asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// The stock.
    Stock(Stock),
    /// Everything that the order is decided by.
    Basket,
    /// The purchase.
    Purchase(Write, Fate),
}

/// An order under way.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) key: OrderKey,
    pub(super) user: u32,
    pub(super) event: usize,
    /// Tickets by index, with quantities; negative ones go back.
    pub(super) items: Vec<(usize, i64)>,
    /// The order that this one takes back.
    pub(super) cancels: Option<OrderKey>,
    pub(super) attempts: u32,
    pub(super) seen: Option<Seen>,
    /// What is planted by its being placed, or sent, at all.
    pub(super) plants: Option<Plant>,
}

/// What a buyer knows of what it wants to write.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) tickets: Vec<(i64, Revision)>,
    pub(super) event: (i64, Revision),
    pub(super) purchase: Option<KeyValue>,
    /// When.
    pub(super) revision: Revision,
}

/// What becomes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered.
    Answered,
    /// It is carried out, but the answer is lost.
    UnknownApplied,
    /// It is lost on its way.
    UnknownNotApplied,
    /// It is carried out after its sender gave up.
    UnknownLate,
    /// It is refused for good.
    Refused,
    /// Planted: refused for good, and carried out all the same.
    RefusedButApplied,
    /// Planted: answered, and not written.
    AnsweredNotApplied,
    /// Planted: carried out although its guards do not hold.
    WrongBranch,
}

/// What a transaction writes.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) user: u32,
    pub(super) event: usize,
    /// By ticket: what is left, how that is written, and the revision it was computed from.
    pub(super) tickets: Vec<(usize, i64, Blob, Revision)>,
    pub(super) event_after: (i64, Blob, Revision),
    pub(super) purchase: (Blob, Revision),
    /// The state it was decided by.
    pub(super) seen: Revision,
    pub(super) paid: Cents,
    pub(super) is_guarded: bool,
    pub(super) plants: Option<Plant>,
}
