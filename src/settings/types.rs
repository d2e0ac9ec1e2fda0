//! The settings of each part of a run in a scenario file, as plain data. Unknown keys are refused everywhere; enums are
//! externally tagged, so that they read as dotted keys and every error keeps its position.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Bound, Rate, Span};

/// Transactions for one order, by default.
pub(crate) const ATTEMPTS: u32 = 12;
/// Longest pause after the first conflict, by default.
pub(crate) const BACK_OFF: Span = Span::milliseconds(2);

/// The shop that is written before the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dataset {
    /// Number of users.
    pub users: u32,
    /// Number of events.
    pub events: u32,
    /// Ticket types of each event.
    pub ticket_types: u8,
    /// Tickets of each type.
    pub stock: Stock,
    /// Popularity of events: how the event of an order is drawn.
    pub popularity: Popularity,
}

impl Default for Dataset {
    fn default() -> Self {
        Self { users: 1000, events: 50, ticket_types: 3, stock: Stock { min: 50, max: 500 }, popularity: Popularity::Zipf(1.1) }
    }
}

/// Tickets of each type: a uniform random number from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// Lower bound.
    pub min: u32,
    /// Upper bound.
    pub max: u32,
}

/// Popularity of events.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Popularity {
    /// All events are equally popular.
    Uniform,
    /// The k-th event has weight k^-s, so that a few are hot. The number is s.
    Zipf(f64),
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

/// Stock boards: watches on the tickets of an event, several on one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Boards {
    /// Boards open at the same time, at most. Opening another closes the oldest.
    pub open_max: u32,
    /// Watch streams to each member, shared by the boards.
    pub streams: u8,
    /// Interval of progress requests on each stream; 0 for none.
    pub progress_every: Span,
}

impl Default for Boards {
    fn default() -> Self {
        Self { open_max: 100, streams: 2, progress_every: Span::seconds(1) }
    }
}

/// Compactions and defragmentations during the load, on clusters that `ticketcd` started only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Housekeeping {
    /// Interval of compactions; 0 for none.
    pub compact_every: Span,
    /// Revisions that a compaction keeps.
    pub keep_revisions: u32,
    /// Interval of defragmentations, one member at a time; 0 for none.
    pub defragment_every: Span,
}

impl Default for Housekeeping {
    fn default() -> Self {
        Self { compact_every: Span::seconds(0), keep_revisions: 5_000, defragment_every: Span::seconds(0) }
    }
}

/// A figure that a run must reach: exactly one of `below` and `above` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The figure: `purchase.response.p99`, `purchases_per_second`, `shed_share`, … `ticketcd scenario metrics` lists them.
    pub metric: String,
    /// The part of the run: `steady` (the whole load), `before fault 1`, `during fault 1`, …
    #[serde(default = "steady")]
    pub phase: String,
    /// The figure must be less than this: a time (`"250ms"`), a share or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Bound>,
    /// The figure must be more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Bound>,
}

fn steady() -> String {
    "steady".to_owned()
}

/// A known defect. The findings of one check are shown as waived and do not fail the run until a date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The issue of the defect: `etcd#18667`.
    pub issue: String,
    /// The check whose findings are waived.
    pub check: String,
    /// The last day on which it is waived, `YYYY-MM-DD`.
    pub until: String,
}

/// When operations begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Closed model: each buyer begins when its last operation has ended and its think time is over.
    Closed(Closed),
    /// Open model: evenly spaced.
    Constant(Constant),
    /// Open model: a Poisson process.
    Poisson(Constant),
    /// Open model: a Poisson process whose rate changes linearly over the load.
    Ramp(Ramp),
    /// Open model: a Poisson process with a flash sale in it.
    Spike(Spike),
}

impl Arrivals {
    /// Whether a rate is a share of what a calibration reaches.
    pub fn has_share(&self) -> bool {
        let share = |rate: &Rate| matches!(rate, Rate::Share(_));
        match self {
            Self::Closed(_) => false,
            Self::Constant(constant) | Self::Poisson(constant) => share(&constant.rate),
            Self::Ramp(ramp) => share(&ramp.from) || share(&ramp.to),
            Self::Spike(spike) => share(&spike.base) || share(&spike.peak),
        }
    }
}

/// The closed model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Closed {
    /// Mean think time; each is drawn from an exponential distribution.
    pub think: Span,
}

/// A constant rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Operations per second, or a share of the calibrated rate.
    pub rate: Rate,
}

/// A rate that changes linearly.
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
    /// The rate before and after the spike.
    pub base: Rate,
    /// The rate during the spike.
    pub peak: Rate,
    /// When the spike begins, from the start of the steady phase.
    pub at: Span,
    /// Duration of the spike.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// What buyers do, by weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Buys tickets with the strategy of the load.
    pub purchase: u32,
    /// Searches events (query 4).
    pub search: u32,
    /// Reads the buyer's own purchases (query 1).
    pub orders: u32,
    /// Reads the revenue of an event type (query 2).
    pub revenue: u32,
    /// Writes a key in a transaction guarded by a *range* compare. Not shop business: it exposes a defect of etcd 3.5.0 and
    /// 3.5.1 (etcd issue 13766) that purchases rarely expose.
    pub range_guard: u32,
    /// Cancels one of the buyer's own sold orders; a buyer without one buys instead.
    pub cancel: u32,
    /// Opens a stock board: a watch from an old, the current or a future revision.
    pub board: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { purchase: 100, search: 0, orders: 0, revenue: 0, range_guard: 0, cancel: 0, board: 0 }
    }
}

/// Which member a buyer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pinning {
    /// Buyer k uses member k mod N, also while that member is down.
    Pinned,
    /// Each operation uses the next member in turn.
    Balanced,
}
