//! The violations that can be planted, each with the check that must convict it.

use std::fmt;
use std::str::FromStr;

/// A violation to plant into a run that is valid otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plant {
    /// A ticket is sold that is not there.
    Oversell,
    /// A sale is computed from a stock that has changed since, and written without guards.
    LostUpdate,
    /// A ticket leaves the stock and is in nobody's purchases.
    VanishedTicket,
    /// The event's counter is not lowered with its tickets.
    EventCounter,
    /// A buyer is charged something else than what the purchase says.
    WrongReceipt,
    /// A purchase is acknowledged and never written.
    LostOrder,
    /// An order whose answer was lost is sent again under new guards.
    DuplicateOrder,
    /// A purchase that no buyer placed.
    PhantomOrder,
    /// A purchase of another quantity than was ordered.
    AlteredOrder,
    /// A purchase that was refused for good is written all the same.
    RefusedButApplied,
    /// A linearizable read is answered with an older state.
    StaleRead,
    /// A member delivers another content for a revision than the others.
    Divergence,
    /// A collector leaves a revision out.
    MissedRevision,
    /// A collector delivers a revision twice.
    DuplicateDelivery,
    /// A member has another hash than the others, at rest.
    ReplicaHash,
    /// A member has another value than the others, at rest.
    ReplicaContent,
    /// A member lost a key at its restart.
    LostAfterRestart,
    /// A member's process ends by itself and never comes back.
    Crash,
    /// A member panics, as its log says.
    LogPanic,
    /// A revision that no recorded call wrote.
    UnauthoredWrite,
    /// A transaction is carried out although its guards do not hold.
    WrongBranch,
    /// A read is answered with a value that was not current at the revision the answer names.
    WrongRead,
    /// An order is refused as sold out although there is enough.
    FalseRefusal,
    /// A search key leaves an event out.
    LostSearchEntry,
    /// A worker's read is answered with an older state than it saw before.
    SessionWentBack,
    /// A serializable read is answered with an older state than its member had shown before.
    MemberWentBack,
    /// A stock board is not told of an event.
    MissedEvent,
    /// A stock board is told of events twice.
    DuplicateEvent,
    /// A stock board is told of a later revision before an earlier one.
    EventOutOfOrder,
}

/// What is known of a kind.
struct Kind {
    plant: Plant,
    name: &'static str,
    check: &'static str,
    sentence: &'static str,
}

const fn kind(plant: Plant, name: &'static str, check: &'static str, sentence: &'static str) -> Kind {
    Kind { plant, name, check, sentence }
}

/// All kinds, in the order they are listed.
const KINDS: [Kind; 29] = [
    kind(Plant::Oversell, "oversell", "oversell", "One ticket is sold that is not there: its stock goes below zero."),
    kind(
        Plant::LostUpdate,
        "lost-update",
        "conservation",
        "One sale is computed from an old stock and written without guards: it erases another.",
    ),
    kind(Plant::VanishedTicket, "vanished-ticket", "conservation", "One ticket leaves the stock and is in nobody's purchases."),
    kind(Plant::EventCounter, "event-counter", "conservation", "One sale lowers the tickets' stock and forgets the event's counter."),
    kind(Plant::WrongReceipt, "wrong-receipt", "revenue", "One buyer is charged a cent more than the purchase says."),
    kind(Plant::LostOrder, "lost-order", "ledger", "One purchase is acknowledged and never written."),
    kind(
        Plant::DuplicateOrder,
        "duplicate-order",
        "ledger",
        "One order whose answer was lost is sent again under new guards: it buys twice.",
    ),
    kind(Plant::PhantomOrder, "phantom-order", "ledger", "One purchase is there that no buyer placed."),
    kind(Plant::AlteredOrder, "altered-order", "ledger", "One purchase is of another quantity than was ordered."),
    kind(Plant::RefusedButApplied, "refused-but-applied", "ledger", "One purchase that was refused for good is written all the same."),
    kind(Plant::StaleRead, "stale-read", "real_time", "One linearizable read is answered with an older state, and says so in its header."),
    kind(Plant::Divergence, "divergence", "divergence", "One member delivers another content for a revision than the others."),
    kind(Plant::MissedRevision, "missed-revision", "collectors", "One member's watch of the whole key space leaves a revision out."),
    kind(
        Plant::DuplicateDelivery,
        "duplicate-delivery",
        "collectors",
        "One member's watch of the whole key space delivers a revision twice.",
    ),
    kind(Plant::ReplicaHash, "replica-hash", "replicas", "One member has another hash than the others, at rest."),
    kind(Plant::ReplicaContent, "replica-content", "replicas", "One member has another value of a key than the others, at rest."),
    kind(Plant::LostAfterRestart, "lost-after-restart", "replicas", "One member lacks a purchase after all members were restarted."),
    kind(Plant::Crash, "crash", "recovery", "One member's process ends by itself and never comes back."),
    kind(Plant::LogPanic, "log-panic", "logs", "One member's log tells of a panic."),
    kind(Plant::UnauthoredWrite, "unauthored-write", "authorship", "One revision is written that no recorded call wrote."),
    kind(Plant::WrongBranch, "wrong-branch", "branch", "One transaction is carried out although its guards do not hold."),
    kind(Plant::WrongRead, "wrong-read", "reads", "One read is answered with a value that was not current at the revision it names."),
    kind(Plant::FalseRefusal, "false-refusal", "refusal", "One order is refused as sold out although there is enough."),
    kind(Plant::LostSearchEntry, "lost-search-entry", "indexes", "One search key leaves out an event that it should name."),
    kind(
        Plant::SessionWentBack,
        "session-went-back",
        "sessions",
        "One read is answered with an older state than the same worker had seen before.",
    ),
    kind(
        Plant::MemberWentBack,
        "member-went-back",
        "serializable",
        "One serializable read is answered with an older state than its member had shown before.",
    ),
    kind(Plant::MissedEvent, "missed-event", "watch", "One stock board is not told of a change that it asked for."),
    kind(Plant::DuplicateEvent, "duplicate-event", "watch", "One stock board is told of the same changes twice."),
    kind(Plant::EventOutOfOrder, "event-out-of-order", "watch", "One stock board is told of a later revision before an earlier one."),
];

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

    /// What is planted, in a sentence.
    pub fn sentence(self) -> &'static str {
        self.kind().map_or("", |kind| kind.sentence)
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
