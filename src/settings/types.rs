//! What a scenario file may say about each part of a run, as plain data. Unknown keys are refused everywhere; enums are
//! externally tagged, so that they read as dotted keys and every error keeps its position.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::strategy::*;
use super::strategy::{ATTEMPTS, BACK_OFF, by_name_or_table, name_or_table};
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
    /// The purchase strategy: a name, or a table with its settings, such as `strategy.hold = { ttl = "4s" }`.
    #[serde(deserialize_with = "by_name_or_table")]
    #[schemars(schema_with = "name_or_table")]
    pub strategy: Strategy,
    /// Settings of other strategies, for `--strategy NAME` and for a matrix.
    #[serde(skip_serializing_if = "Alternatives::is_empty")]
    pub alternatives: Alternatives,
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
    /// The queries of the mix: it has an effect when the mix has queries.
    pub queries: Queries,
    /// The cancellations of the mix: it has an effect when the mix has cancellations.
    pub cancellations: Cancellations,
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
            strategy: Strategy::Optimistic(OptimisticSettings::default()),
            alternatives: Alternatives::default(),
            duration: Span::seconds(10),
            warm_up: Span::seconds(1),
            arrivals: Arrivals::Closed(Closed { think: Span::milliseconds(0) }),
            mix: Mix::default(),
            quantity_max: 2,
            types_max: 1,
            members: Pinning::Pinned,
            timeout: Span::milliseconds(2000),
            queries: Queries::default(),
            cancellations: Cancellations::default(),
            boards: Boards::default(),
            housekeeping: Housekeeping::default(),
            channels: 1,
        }
    }
}

/// How reads are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadMode {
    /// Through consensus: never stale.
    #[default]
    Linearizable,
    /// From the member's own state: fast, available without a leader, and possibly stale.
    Serializable,
}

/// The queries of the mix: `search`, `orders` and `revenue`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queries {
    /// How queries read.
    pub read: ReadMode,
}

/// The cancellations of the mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cancellations {
    /// Transactions sent for one cancellation before it ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
}

impl Default for Cancellations {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, back_off: BACK_OFF }
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
