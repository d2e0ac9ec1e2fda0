//! Verdicts, and what they are based on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A verdict. A check that crashes or lacks evidence is unknown; a violation dominates everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The promise was kept, with enough evidence.
    Pass,
    /// No violation was found, but there is not enough evidence.
    Unknown,
    /// The promise was broken.
    Violation,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Name of the check: `oversell`, `ledger`, …
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Why the verdict is unknown, or another remark, in a sentence.
    pub reason: Option<String>,
    /// What was checked: counts by name, such as `revisions` or `orders_resolved`.
    pub evidence: BTreeMap<String, u64>,
    /// What is wrong, grouped by kind.
    pub anomalies: Vec<AnomalyGroup>,
    /// The revenue, counted in three ways: only from the check of that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revenue: Vec<RevenueRow>,
}

/// The revenue of one event type, in cents, counted in ways that must agree:
/// counters = records = receipts + unknown + other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevenueRow {
    /// `concert`, `theatre`, …
    pub event_type: String,
    /// Σ price × (total − current) over the tickets, less what is in shards or held.
    pub counters_cents: i64,
    /// Σ price × quantity over the purchase records.
    pub records_cents: i64,
    /// Σ of the buyers' receipts for purchases, less those for refunds.
    pub receipts_cents: i64,
    /// The records of orders whose outcome was unknown to the buyer, but which were applied.
    pub unknown_cents: i64,
    /// The records that are not of this run.
    pub other_cents: i64,
}

/// All anomalies of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnomalyGroup {
    /// `oversold`, `lost_order`, …
    pub kind: String,
    /// How many there are.
    pub count: u64,
    /// Whether they count as violations. Consequences of another finding, or of a fault that etcd does not promise to survive, do not.
    pub consequence_of: Option<String>,
    /// The defect of etcd that they match, on a release that has it: `etcd#22294`. They still count as violations; a
    /// `[[known]]` entry of that name waives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_defect: Option<String>,
    /// The first in time.
    pub first: Anomaly,
    /// The worst, by the measure of its kind.
    pub worst: Anomaly,
    /// The last in time.
    pub last: Anomaly,
}

/// One violation, with an explanation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// Sentences that explain it, in order, with tickets, orders, buyers, revisions, members and seconds.
    pub explanation: Vec<String>,
    /// How bad, by the measure of its kind (tickets too many, revisions behind, …).
    pub severity: u64,
    /// The revision at which it occurs.
    pub revision: Option<i64>,
    /// Seconds since the run began.
    pub at_seconds: Option<f64>,
    /// The keys it is about.
    pub keys: Vec<String>,
    /// The orders it is about.
    pub orders: Vec<String>,
    /// The members it is about.
    pub members: Vec<String>,
    /// The faults in force then, in words.
    pub faults: Vec<String>,
}
