//! Mutations: the violations that a synthetic run can contain, each with the check that must detect it.

mod kinds;
mod plan;

use std::fmt;
use std::str::FromStr;

use self::kinds::KINDS;
pub(crate) use self::plan::MutationPlan;
use crate::strategy::Strategy;

/// The one violation of a run that is valid otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// A sale takes a ticket that is not in stock: the stock drops below zero.
    Oversell,
    /// A sale leaves more tickets in stock than the total.
    StockAboveTotal,
    /// A sale changes the total number of tickets.
    TotalChanged,
    /// A sale is computed from an outdated stock and written without compares: it overwrites another sale.
    LostUpdate,
    /// A ticket leaves the stock and is in no purchase.
    VanishedTicket,
    /// A cancellation is recorded, and its tickets are not returned to the stock.
    UnreturnedTicket,
    /// A sale lowers the stock of a ticket and not the event's counter.
    EventCounter,
    /// A buyer is charged one cent more than the purchase records.
    WrongReceipt,
    /// A cancellation succeeds, and the buyer receives no refund.
    LostRefund,
    /// A purchase is recorded at a price other than the ticket's.
    WrongPrice,
    /// A purchase is acknowledged and never written.
    LostOrder,
    /// A cancellation is acknowledged and never written.
    LostCancellation,
    /// An order whose response was lost is sent again with new compares: it buys twice.
    DuplicateOrder,
    /// A purchase exists that no buyer ordered.
    PhantomOrder,
    /// A purchase has a quantity other than ordered.
    AlteredOrder,
    /// A purchase is refused with a definite error and written anyway.
    RefusedButApplied,
    /// A purchase exists on two members and is missing on the third.
    DivergentOrder,
    /// An order is cancelled twice: its tickets and its money are returned twice.
    CancelledTwice,
    /// An order is cancelled that was never bought.
    CancelledUnbought,
    /// An order is refused as sold out although enough tickets are left.
    FalseRefusal,
    /// An event is missing from the index of its own type.
    MissingIndexEntry,
    /// An event is listed under a location that is not its own.
    WrongIndexEntry,
    /// An index lists an event that does not exist.
    DanglingIndexEntry,
    /// A reservation takes tickets that are not in stock.
    OverReserved,
    /// A reservation is released although its lease is alive.
    EarlyRelease,
    /// The tickets of a reservation are returned twice.
    DoubleRelease,
    /// A reservation becomes a purchase after it expired.
    ConfirmedAfterExpiry,
    /// A reservation becomes a purchase, and its record is not deleted.
    UnreleasedPurchase,
    /// A reservation expires and is never released.
    LeakedHold,
    /// The lease of a reservation expires before its time to live has passed.
    EarlyExpiry,
    /// A client that waits for a lock writes on the condition that its own lock key exists: two clients are in the critical section at once.
    FencePassed,
    /// The lease of a lock expires before its time to live has passed.
    EarlyLockExpiry,
    /// A sale takes more tickets from a shard than it contains.
    ShardOversell,
    /// Two sales are computed from the same stock of a shard: the later one overwrites the earlier one.
    ShardLostUpdate,
    /// A ticket is lost when stock is moved between shards.
    ShardLeak,
    /// A linearizable read returns an older state, and its header says so.
    StaleRead,
    /// A write is acknowledged with a revision that other clients had seen before it was sent.
    WriteWentBack,
    /// A revision exists that no recorded call wrote.
    UnauthoredWrite,
    /// A revision contains something other than what was sent.
    AlteredWrite,
    /// A transaction is executed twice.
    TwiceApplied,
    /// The last write is acknowledged, and no member has it.
    LostAtTheEnd,
    /// A transaction is executed although its compares do not hold.
    WrongBranch,
    /// The compares of a transaction hold, and the response reports that they did not.
    IgnoredSuccess,
    /// A read returns a value that was not current at the revision of its header.
    WrongRead,
    /// A transaction reads several keys, and returns an earlier value of one of them.
    TornRead,
    /// A read does not return a key that exists.
    MissingKey,
    /// A read returns a key that was never written.
    PhantomKey,
    /// A read counts keys that do not exist.
    WrongCount,
    /// A sorted read returns two keys in the wrong order.
    WrongOrder,
    /// A client reads an older state than it has read before.
    ReadWentBack,
    /// A client writes, reads, and does not see its own write.
    OwnWriteMissed,
    /// A client's write is acknowledged with a revision that the client had read before.
    WriteBeforeRead,
    /// A client's write is acknowledged with a revision before that of its own earlier write.
    WritesOutOfOrder,
    /// A client's serializable read at a member returns an older state than the member had returned to it before.
    LocalReadWentBack,
    /// A member returns an older state to a serializable read than it had returned to any client before.
    MemberWentBack,
    /// A serializable read names a revision that never existed.
    BeyondWhatExists,
    /// A watch does not receive a revision, and receives later ones.
    MissedEvent,
    /// A watch receives a revision after a later one.
    LateEvent,
    /// A watch receives a revision twice.
    DuplicateEvent,
    /// A watch receives a progress notification for a revision before the revision itself.
    EarlyBookmark,
    /// A watch receives a revision before its start revision.
    EventBelowStart,
    /// A watch from now receives a revision that its member had before the watch was opened.
    EventBelowNow,
    /// A watch receives a revision in two messages.
    SplitEvent,
    /// A watch receives a previous value that is not the one that was replaced.
    WrongPrevious,
    /// A watch receives a change of a ticket as a creation.
    WrongCreation,
    /// A watch receives a stock that was never written.
    AlteredEvent,
    /// A watch receives nothing more and stays open.
    StalledWatch,
    /// A watch is opened at an old revision, stays open for a long time and receives nothing.
    UnservedWatch,
    /// A watch is resumed after a revision that it has not received.
    SkippedResume,
    /// A watch that starts below the compacted revision is not refused.
    IgnoredCompaction,
    /// A member delivers content for a revision that differs from the other members'.
    Divergence,
    /// A member's collector does not deliver a revision.
    MissedRevision,
    /// A member's collector delivers a revision twice.
    DuplicateDelivery,
    /// A member's collector delivers a revision after a later one.
    LateDelivery,
    /// A member's collector delivers a revision in two messages.
    SplitDelivery,
    /// A member's collector delivers a revision before its start revision.
    DeliveryBelowStart,
    /// A lease that was just granted does not exist when its owner renews it.
    LostLease,
    /// At rest, a member has another hash than the others.
    ReplicaHash,
    /// At rest, a member has another value of a key than the others.
    ReplicaContent,
    /// At rest, a member is at another revision than the others at the same applied index.
    ReplicaRevision,
    /// At rest, a member knows a lease that the others do not know.
    ReplicaLeases,
    /// A member lacks a purchase after all members were restarted.
    LostAfterRestart,
    /// A member's process exits by itself and never comes back.
    Crash,
    /// A member's log contains a panic.
    LogPanic,
    /// A member's log contains a fatal error.
    LogFatal,
    /// A member's log reports data corruption.
    LogCorruption,
}

/// A row of the table.
struct Kind {
    mutation: Mutation,
    strategy: Strategy,
    name: &'static str,
    check: &'static str,
    anomaly: &'static str,
    sentence: &'static str,
}

const fn kind(
    mutation: Mutation,
    strategy: Strategy,
    (name, check, anomaly): (&'static str, &'static str, &'static str),
    sentence: &'static str,
) -> Kind {
    Kind { mutation, strategy, name, check, anomaly, sentence }
}

/// The text names no mutation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a mutation")]
pub struct UnknownMutation(pub String);

impl Mutation {
    /// All mutations, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|kind| kind.mutation)
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        self.kind().map_or("", |kind| kind.name)
    }

    /// The check that must detect it.
    pub fn check(self) -> &'static str {
        self.kind().map_or("", |kind| kind.check)
    }

    /// The kind of anomaly that this check must report.
    pub fn anomaly(self) -> &'static str {
        self.kind().map_or("", |kind| kind.anomaly)
    }

    /// What happens, in a sentence.
    pub fn sentence(self) -> &'static str {
        self.kind().map_or("", |kind| kind.sentence)
    }

    /// The strategy of its runs: only some have what it breaks.
    pub fn strategy(self) -> Strategy {
        self.kind().map_or(Strategy::Optimistic, |kind| kind.strategy)
    }

    /// Whether it happens in a cancellation.
    pub(crate) fn is_in_a_cancellation(self) -> bool {
        matches!(self, Self::UnreturnedTicket | Self::LostRefund | Self::LostCancellation | Self::CancelledTwice)
    }

    /// Whether it happens where a run begins or ends, and needs no further operations.
    pub(crate) fn is_at_start_or_end(self) -> bool {
        matches!(self.check(), "replicas" | "indexes")
            || self.is_in_a_log()
            || matches!(self, Self::DivergentOrder | Self::LostAtTheEnd | Self::DeliveryBelowStart)
    }

    /// Whether it happens in a member's log, not in the record.
    pub(crate) fn is_in_a_log(self) -> bool {
        self.check() == "logs"
    }

    fn kind(self) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.mutation == self)
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Mutation {
    type Err = UnknownMutation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        KINDS.iter().find(|kind| kind.name == text).map(|kind| kind.mutation).ok_or_else(|| UnknownMutation(text.to_owned()))
    }
}
