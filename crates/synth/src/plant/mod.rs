//! The violations that can be planted, each with the check that must convict it.

mod kinds;

use std::fmt;
use std::str::FromStr;

use self::kinds::KINDS;
use super::Strategy;

/// A violation to plant into a run that is valid otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plant {
    /// One ticket is sold that is not there: its stock goes below zero.
    Oversell,
    /// One sale leaves more tickets behind than there ever were.
    StockAboveTotal,
    /// One sale changes how many tickets there are in all.
    TotalChanged,
    /// One sale is computed from an old stock and written without guards: it erases another.
    LostUpdate,
    /// One ticket leaves the stock and is in nobody's purchases.
    VanishedTicket,
    /// One cancellation is entered, and its tickets never go back into the stock.
    UnreturnedTicket,
    /// One sale lowers the tickets' stock and forgets the event's counter.
    EventCounter,
    /// One buyer is charged a cent more than the purchase says.
    WrongReceipt,
    /// One buyer cancels an order, successfully, and is paid nothing back.
    LostRefund,
    /// One purchase is entered at another price than the ticket's.
    WrongPrice,
    /// One purchase is acknowledged and never written.
    LostOrder,
    /// One cancellation is acknowledged and never written.
    LostCancellation,
    /// One order whose answer was lost is sent again under new guards: it buys twice.
    DuplicateOrder,
    /// One purchase is there that no buyer placed.
    PhantomOrder,
    /// One purchase is of another quantity than was ordered.
    AlteredOrder,
    /// One purchase that was refused for good is written all the same.
    RefusedButApplied,
    /// One purchase is on two members and absent on the third.
    DivergentOrder,
    /// One order is cancelled twice: its tickets and its money go back two times.
    CancelledTwice,
    /// One order is cancelled that was never bought.
    CancelledUnbought,
    /// One order is refused as sold out although there is enough.
    FalseRefusal,
    /// One event is not found under its own type.
    MissingIndexEntry,
    /// One event is found in a place where it is not.
    WrongIndexEntry,
    /// One event is found that does not exist.
    DanglingIndexEntry,
    /// One reservation takes tickets that are not there.
    OverReserved,
    /// One reservation is released although its lease is alive.
    EarlyRelease,
    /// The tickets of one reservation are given back twice.
    DoubleRelease,
    /// One reservation becomes a purchase after it had expired.
    ConfirmedAfterExpiry,
    /// One reservation becomes a purchase and is still there.
    UnreleasedPurchase,
    /// One reservation expires and nobody ever releases it.
    LeakedHold,
    /// The lease of one reservation expires before its time.
    EarlyExpiry,
    /// Somebody who only waits for a lock writes under the guard that it is held: two are in it at once.
    FencePassed,
    /// The lease of one lock expires before its time.
    EarlyLockExpiry,
    /// One sale takes more out of a shard than is in it.
    ShardOversell,
    /// Two sales are computed from the same stock of a shard: the later one erases the other.
    ShardLostUpdate,
    /// One ticket is lost when stock is moved between shards.
    ShardLeak,
    /// One linearizable read is answered with an older state, and says so in its header.
    StaleRead,
    /// One write is acknowledged with a revision that others had seen before it was sent.
    WriteWentBack,
    /// One revision is written that no recorded call wrote.
    UnauthoredWrite,
    /// One revision holds something else than what was sent.
    AlteredWrite,
    /// One transaction is carried out twice.
    TwiceApplied,
    /// The last write of all is acknowledged, and no member has it.
    LostAtTheEnd,
    /// One transaction is carried out although its guards do not hold.
    WrongBranch,
    /// One transaction is told that its guards failed, and they held.
    IgnoredSuccess,
    /// One read is answered with a value that was not current at the revision it names.
    WrongRead,
    /// One transaction reads several keys, and one of them as it was earlier.
    TornRead,
    /// One read does not find a key that is there.
    MissingKey,
    /// One read finds a key that nobody ever wrote.
    PhantomKey,
    /// One read counts keys that are not there.
    WrongCount,
    /// One buyer reads an older state than it had read before.
    ReadWentBack,
    /// One buyer buys, reads, and does not see what it bought.
    OwnWriteMissed,
    /// One buyer's write is told a revision that the buyer had read before.
    WriteBeforeRead,
    /// One buyer's write is told a revision before that of its own earlier write.
    WritesOutOfOrder,
    /// One buyer reads at one member, serializably, an older state than that member had shown it before.
    LocalReadWentBack,
    /// One member answers a serializable read with an older state than it had shown to somebody before.
    MemberWentBack,
    /// One serializable read names a revision that never existed.
    BeyondWhatExists,
    /// One board is not told of a revision, and of later ones it is.
    MissedEvent,
    /// One board is told of a revision after a later one.
    LateEvent,
    /// One board is told of a revision twice.
    DuplicateEvent,
    /// One board is told that it has everything up to a revision before it is told of that revision.
    EarlyBookmark,
    /// One board is told of a revision before the one it asked to begin at.
    EventBelowStart,
    /// One watch from now receives a revision that its member had before the watch was opened.
    EventBelowNow,
    /// One board is told of a revision in two messages.
    SplitEvent,
    /// One board is told another previous value than the one there was.
    WrongPrevious,
    /// One board is told that a ticket was created, which was only changed.
    WrongCreation,
    /// One board is told another stock than the one there is.
    AlteredEvent,
    /// One board is told nothing any more, without being closed.
    StalledBoard,
    /// One watch is opened at an old revision, stays open for long and receives nothing.
    UnservedBoard,
    /// One board is resumed further on than where its stream broke.
    SkippedResume,
    /// One board begins in the compacted past and is not refused.
    IgnoredCompaction,
    /// One member delivers another content for a revision than the others.
    Divergence,
    /// One member's watch of the whole key space leaves a revision out.
    MissedRevision,
    /// One member's watch of the whole key space delivers a revision twice.
    DuplicateDelivery,
    /// One member's watch of the whole key space delivers a revision after a later one.
    LateDelivery,
    /// One member's watch of the whole key space delivers a revision in two messages.
    SplitDelivery,
    /// One member's watch of the whole key space delivers a revision before the one it was to begin at.
    DeliveryBelowStart,
    /// One member has another hash than the others, at rest.
    ReplicaHash,
    /// One member has another value of a key than the others, at rest.
    ReplicaContent,
    /// One member is at another revision than the others, and has applied as much.
    ReplicaRevision,
    /// One member knows a lease that the others do not know, at rest.
    ReplicaLeases,
    /// One member lacks a purchase after all members were restarted.
    LostAfterRestart,
    /// One member's process ends by itself and never comes back.
    Crash,
    /// One member's log tells of a panic.
    LogPanic,
    /// One member's log tells of a fatal error.
    LogFatal,
    /// One member's log tells that its data are corrupt.
    LogCorruption,
}

/// What is known of a kind.
struct Kind {
    plant: Plant,
    strategy: Strategy,
    name: &'static str,
    check: &'static str,
    anomaly: &'static str,
    sentence: &'static str,
}

const fn kind(
    plant: Plant,
    strategy: Strategy,
    (name, check, anomaly): (&'static str, &'static str, &'static str),
    sentence: &'static str,
) -> Kind {
    Kind { plant, strategy, name, check, anomaly, sentence }
}

/// The text names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of violation that can be planted")]
pub struct NotAPlant(pub String);

impl Plant {
    /// All kinds, in the order they are listed.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|kind| kind.plant)
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        self.kind().map_or("", |kind| kind.name)
    }

    /// The check that must convict it.
    pub fn check(self) -> &'static str {
        self.kind().map_or("", |kind| kind.check)
    }

    /// The kind of anomaly that this check must find.
    pub fn anomaly(self) -> &'static str {
        self.kind().map_or("", |kind| kind.anomaly)
    }

    /// What is planted, in a sentence.
    pub fn sentence(self) -> &'static str {
        self.kind().map_or("", |kind| kind.sentence)
    }

    /// How tickets are bought in the runs that it is planted into: only some ways have what it breaks.
    pub fn strategy(self) -> Strategy {
        self.kind().map_or(Strategy::Optimistic, |kind| kind.strategy)
    }

    /// Whether it is planted into a cancellation.
    pub(super) fn is_planted_in_a_cancellation(self) -> bool {
        matches!(self, Self::UnreturnedTicket | Self::LostRefund | Self::LostCancellation | Self::CancelledTwice)
    }

    /// Whether it is planted where a run begins or ends, and needs no further operations.
    pub(super) fn is_planted_at_an_end(self) -> bool {
        matches!(self.check(), "replicas" | "indexes")
            || self.is_planted_in_a_log()
            || matches!(self, Self::DivergentOrder | Self::LostAtTheEnd | Self::DeliveryBelowStart)
    }

    /// Whether it is planted into a member's log, beside the record.
    pub(super) fn is_planted_in_a_log(self) -> bool {
        self.check() == "logs"
    }

    fn kind(self) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.plant == self)
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Plant {
    type Err = NotAPlant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        KINDS.iter().find(|kind| kind.name == text).map(|kind| kind.plant).ok_or_else(|| NotAPlant(text.to_owned()))
    }
}
