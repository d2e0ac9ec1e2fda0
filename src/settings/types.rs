//! What a scenario file may say about each part of a run, as plain data. Unknown keys are refused everywhere; enums are
//! externally tagged, so that they read as dotted keys and every error keeps its position.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bound, Rate, Span};

/// The shop that is written before the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dataset {
    /// Users.
    pub users: u32,
    /// Events.
    pub events: u32,
    /// Ticket types of each event.
    pub ticket_types: u8,
    /// Tickets of each type.
    pub stock: Stock,
    /// How popular events are: which of them an order is for.
    pub popularity: Popularity,
}

impl Default for Dataset {
    fn default() -> Self {
        Self { users: 1000, events: 50, ticket_types: 3, stock: Stock { min: 50, max: 500 }, popularity: Popularity::Zipf(1.1) }
    }
}

/// Tickets of each type: a number drawn evenly from `min..=max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: u32,
}

/// How popular events are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Popularity {
    /// All alike.
    Uniform,
    /// The k-th has weight k^-s: a few are hot. The number is s.
    Zipf(f64),
}

/// The load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Load {
    /// Buyers, each one task with one order at a time.
    pub buyers: u32,
    /// How they buy: a name, or `strategy.command = ["python3", "buy.py"]`.
    pub strategy: StrategyName,
    /// What to do when a purchase is not answered.
    pub retry: Retry,
    /// How reads are made.
    pub read: ReadMode,
    /// How long the load lasts, warm-up not counted.
    pub duration: Span,
    /// Load before that, which is not counted.
    pub warm_up: Span,
    /// When they buy.
    pub arrivals: Arrivals,
    /// What they do.
    pub mix: Mix,
    /// Tickets in one line of an order: a number drawn evenly from 1 to this.
    pub quantity_max: u32,
    /// Ticket types in one order: a number drawn evenly from 1 to this.
    pub types_max: u32,
    /// Which member a buyer talks to.
    pub members: Pinning,
    /// How long a request may take.
    pub timeout: Span,
    /// Transactions a buyer tries before giving an order up as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict; it doubles with each, up to 100 times as long.
    pub back_off: Span,
    /// Pause between `naive`'s read and its write: the race window, widened so that a lesson does not depend on luck.
    pub naive_pause: Span,
    /// Operations in one transaction of `batched`, at most; etcd's own limit is 128 unless `--max-txn-ops` says otherwise.
    pub max_txn_ops: u32,
    /// Parts that `sharded` splits the stock of each ticket into.
    pub shards: u8,
    /// The locks of `lock` and `fenced-lock`.
    pub lock: Lock,
    /// The reservations of `hold`.
    pub hold: Hold,
    /// How long the script of `command` may take for one order.
    pub command_timeout: Span,
    /// The stock boards that the operation `board` of the mix opens.
    pub boards: Boards,
    /// What is done for the cluster while buyers buy.
    pub housekeeping: Housekeeping,
    /// Connections to each member.
    pub channels: u8,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            buyers: 100,
            strategy: StrategyName::Optimistic,
            duration: Span::seconds(10),
            warm_up: Span::seconds(1),
            arrivals: Arrivals::Closed(Closed { think: Span::milliseconds(0) }),
            mix: Mix::default(),
            quantity_max: 2,
            types_max: 1,
            members: Pinning::Pinned,
            timeout: Span::milliseconds(2000),
            attempts: 12,
            back_off: Span::milliseconds(2),
            retry: Retry::Never,
            read: ReadMode::Linearizable,
            naive_pause: Span::milliseconds(0),
            max_txn_ops: 128,
            shards: 16,
            lock: Lock::default(),
            hold: Hold::default(),
            command_timeout: Span::seconds(5),
            boards: Boards::default(),
            housekeeping: Housekeeping::default(),
            channels: 1,
        }
    }
}

/// A purchase strategy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyName {
    /// Get, check, put: oversells under concurrency.
    Naive,
    /// One guarded transaction: safe.
    Optimistic,
    /// Get, check, put under etcd's lock: oversells when the holder stalls for longer than its lease.
    Lock,
    /// The same, but the transaction also compares that the lock is still held: safe.
    FencedLock,
    /// Concurrent orders for an event in one guarded transaction: safe, and the fastest on a hot event.
    Batched,
    /// The stock of a ticket in several keys: safe.
    Sharded,
    /// Reserved under a lease, paid, confirmed; what is not paid goes back: safe.
    Hold,
    /// Bought at the price of an earlier revision, which the transaction reads again: safe on a correct etcd only, and it
    /// meets a defect of every etcd so far (etcd issue 18667).
    Quoted,
    /// A script of yours that speaks JSON lines; the command with its arguments.
    Command(Vec<String>),
}

impl StrategyName {
    /// The name, as in scenarios and on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Optimistic => "optimistic",
            Self::Lock => "lock",
            Self::FencedLock => "fenced-lock",
            Self::Batched => "batched",
            Self::Sharded => "sharded",
            Self::Hold => "hold",
            Self::Quoted => "quoted",
            Self::Command(_) => "command",
        }
    }
}

/// What to do when a purchase is not answered, so that nobody knows whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Leave it at that: the order's outcome is unknown.
    Never,
    /// Send the same transaction with the same guards again: at most one of the two can happen.
    SameGuard,
    /// Read the stock anew and buy again under new guards: the classic double sale, to be demonstrated.
    Blind,
}

/// How reads are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadMode {
    /// Through consensus: never stale.
    Linearizable,
    /// From the member's own state: fast, available without a leader, and possibly stale.
    Serializable,
}

/// The locks of `lock` and `fenced-lock`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lock {
    /// Time to live of a holder's lease, whole seconds. etcd grants no less than one and a half election timeouts.
    pub ttl: Span,
    /// How long a buyer waits for the lock before it gives the order up as a conflict. With `waiters` it waits as long for
    /// its turn to ask for it.
    pub wait: Span,
    /// Buyers of an event that have or await its lock at the same time, at most; the others queue in this program. Without,
    /// all of them await it, each with a lease to be kept alive: hundreds keep the cluster busier than what they buy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiters: Option<u32>,
    /// Holders that stall between their check and their write, as a long garbage collection would make them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<Stall>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { ttl: Span::seconds(10), wait: Span::seconds(5), waiters: None, stall: None }
    }
}

/// Holders of a lock that stall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Every so manieth purchase under a lock stalls.
    pub every: u32,
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// The reservations of `hold`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hold {
    /// Time to live of a reservation's lease, whole seconds. etcd grants no less than one and a half election timeouts.
    pub ttl: Span,
    /// Mean time it takes to pay; each is drawn from an exponential distribution.
    pub pay: Span,
    /// Share of buyers who reserve and never pay, in percent: their reservations expire.
    pub abandon_percent: u8,
    /// Share of buyers who reserve and then think better of it, in percent: they give the tickets back at once.
    pub cancel_percent: u8,
}

impl Default for Hold {
    fn default() -> Self {
        Self { ttl: Span::seconds(5), pay: Span::milliseconds(20), abandon_percent: 5, cancel_percent: 5 }
    }
}

/// Stock boards: watches on an event's tickets, many on one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Boards {
    /// Boards open at the same time, at most; opening another closes the oldest.
    pub open_max: u32,
    /// Streams to each member; boards share them.
    pub streams: u8,
    /// How often progress is asked for on each stream; 0 for never.
    pub progress_every: Span,
}

impl Default for Boards {
    fn default() -> Self {
        Self { open_max: 100, streams: 2, progress_every: Span::seconds(1) }
    }
}

/// What is done for the cluster while buyers buy: on clusters of our own only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Housekeeping {
    /// How often the log is compacted; 0 for never.
    pub compact_every: Span,
    /// Revisions that a compaction keeps.
    pub keep_revisions: u32,
    /// How often one member is defragmented, in turn; 0 for never.
    pub defragment_every: Span,
}

impl Default for Housekeeping {
    fn default() -> Self {
        Self { compact_every: Span::seconds(0), keep_revisions: 5_000, defragment_every: Span::seconds(0) }
    }
}

/// What a run must reach: exactly one of `below` and `above`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Which figure: `purchase.response.p99`, `purchases_per_second`, `shed_share`, … `ticketcd scenario metrics` lists them.
    pub metric: String,
    /// The part of the run, as latency lines name it: `steady` (the whole load), `before fault 1`, `during fault 1`, …
    #[serde(default = "steady")]
    pub phase: String,
    /// It must be less than this: a time (`"250ms"`) or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Bound>,
    /// It must be more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Bound>,
}

fn steady() -> String {
    "steady".to_owned()
}

/// A known defect: what one check finds because of it is shown, but does not fail the run, until a date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Where it is known: `etcd#18667`.
    pub issue: String,
    /// The check whose findings it explains.
    pub check: String,
    /// The last day on which it is waived, `YYYY-MM-DD`.
    pub until: String,
}

/// When operations begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Closed model: each buyer begins when its last operation is over and it has thought.
    Closed(Closed),
    /// Open model: evenly spaced.
    Constant(Constant),
    /// Open model: a Poisson process.
    Poisson(Constant),
    /// Open model: a Poisson process whose rate goes evenly from one to the other over the load.
    Ramp(Ramp),
    /// Open model: a Poisson process with a flash sale in it.
    Spike(Spike),
}

/// The closed model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Closed {
    /// Mean think time; each is drawn from an exponential distribution.
    pub think: Span,
}

/// One rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// The rate.
    pub rate: Rate,
}

/// From one rate to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// The rate at the start.
    pub from: Rate,
    /// The rate at the end.
    pub to: Rate,
}

/// A rate with a spike in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spike {
    /// The rate before and after.
    pub base: Rate,
    /// The rate within.
    pub peak: Rate,
    /// When the spike begins, from the start of the steady phase.
    pub at: Span,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// What buyers do, by weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Buy.
    pub purchase: u32,
    /// Search events (query 4).
    pub search: u32,
    /// Look at one's own orders (query 1).
    pub orders: u32,
    /// Revenue per event type (query 2).
    pub revenue: u32,
    /// Write a key in a transaction guarded by a *range* compare. No shop business: it meets a defect of etcd 3.5.0 and
    /// 3.5.1 (etcd issue 13766) that plain purchases rarely meet.
    pub range_guard: u32,
    /// Give back an order of one's own that was sold; who has none buys instead.
    pub cancel: u32,
    /// Look at an event's stock board: a watch from an old, the current or a future revision.
    pub board: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { purchase: 100, search: 0, orders: 0, revenue: 0, range_guard: 0, cancel: 0, board: 0 }
    }
}

/// Which member a buyer talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pinning {
    /// Buyer k talks to member k mod N, whatever happens to it.
    Pinned,
    /// Each operation goes to the next member in turn.
    Balanced,
}
