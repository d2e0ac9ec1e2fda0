//! `result.json`: the outcome of a run for programs. Its schema is published with `ticketcd schema result`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::checks::check_infos;
use ticketcd_judge::core::verdict::{Finding, RevenueRow};
use ticketcd_judge::history::run_info::{EtcdInfo, HostInfo, StockLayout};

use super::bottleneck::LimitResult;
use super::latency::LatencyLine;
use super::objectives::ObjectiveResult;
use super::resources::ResourcesResult;
use super::series::SecondResult;
use super::statistics::LoadResult;
use super::waivers::WaiverResult;
use crate::printable;

/// Version of the shape of `result.json`. It grows when a field changes its meaning or goes; new fields may come any time.
pub const SCHEMA_VERSION: u32 = 1;

/// The content of `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// How the run ended.
    pub verdict: RunVerdict,
    /// Why, in sentences; empty for a pass.
    pub reasons: Vec<String>,
    /// The process exit code of the run, `--expect` not considered: that of the verdict, or 130 if it was interrupted.
    pub exit_code: u8,
    /// Whether the run was interrupted by Ctrl-C.
    pub interrupted: bool,
    /// The seed of the plan. It reproduces what was meant to happen, not how the machine scheduled it.
    pub seed: u64,
    /// Name of the scenario.
    pub scenario: String,
    /// SHA-256 of the resolved scenario.
    pub scenario_sha256: String,
    /// The verdict the scenario expects.
    pub expected: Option<String>,
    /// The purchase strategy.
    pub strategy: String,
    /// Where the stock is kept.
    pub layout: StockLayout,
    /// When the run began, RFC 3339.
    pub started: String,
    /// Version of the tool that judged.
    pub tool_version: String,
    /// Version of etcd.
    pub etcd_version: String,
    /// The etcd build.
    pub etcd: EtcdInfo,
    /// The members.
    pub members: Vec<MemberResult>,
    /// The machine.
    pub host: HostInfo,
    /// How much load there was.
    pub load: LoadResult,
    /// What limited it.
    #[serde(default)]
    pub limited_by: LimitResult,
    /// What the members and this machine were busy with meanwhile.
    #[serde(default)]
    pub resources: ResourcesResult,
    /// How long operations took.
    pub latency: Vec<LatencyLine>,
    /// The counted load, second by second.
    #[serde(default)]
    pub series: Vec<SecondResult>,
    /// What broke.
    pub faults: Vec<FaultResult>,
    /// The objectives of the scenario, and what was measured.
    #[serde(default)]
    pub objectives: Vec<ObjectiveResult>,
    /// The known defects of the scenario, and the state of their waivers.
    #[serde(default)]
    pub known: Vec<WaiverResult>,
    /// What was checked.
    pub checks: Vec<Finding>,
    /// The revenue of each event type, counted in ways that must agree.
    pub revenue: Vec<RevenueRow>,
    /// Remarks that change no verdict but that a reader should know.
    pub notes: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunVerdict {
    /// Every guarantee was kept, and there was enough evidence.
    Pass,
    /// A guarantee was broken.
    Violation,
    /// No violation, but not enough evidence.
    Unknown,
    /// Correct, but an objective was missed.
    ObjectiveMissed,
    /// The run shows nothing about the cluster: the load was not offered, a fault not applied, the cluster never healthy.
    Invalid,
}

impl RunVerdict {
    /// The process exit code that goes with the verdict, interruptions not considered.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Violation => 1,
            Self::Unknown => 2,
            Self::ObjectiveMissed => 3,
            Self::Invalid => 4,
        }
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberResult {
    /// `m1`, …
    pub name: String,
    /// etcd's id of it, hexadecimal, as etcd prints it.
    pub id: String,
    /// Its log, relative to the run directory.
    pub log: Option<String>,
}

/// A fault, and what really happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultResult {
    /// `kill`, `partition`, …
    pub kind: String,
    /// Its target as the scenario names it.
    pub target: String,
    /// The members it hit.
    pub members: Vec<String>,
    /// When it was injected, seconds since the counted load began (`load.began_seconds`).
    pub start_seconds: Option<f64>,
    /// When it was healed and the members it hit answered again, seconds since the counted load began.
    pub end_seconds: Option<f64>,
    /// What was done, in words.
    pub what_happened: String,
    /// What it visibly caused, in words.
    pub effects: Vec<String>,
    /// Why it was not injected, or what did not recover.
    pub trouble: Option<String>,
}

/// The result as people read it: no text in it holds a character that a terminal or a browser obeys instead of showing it. Reporters
/// for people read this one, and `result.json` is written from the exact one.
pub fn for_people(result: &RunResult) -> RunResult {
    // Only numbers that JSON does not have, such as infinity, do not come back; no figure of a result is one.
    printable::facts(result).unwrap_or_else(|| result.clone())
}

/// The JSON Schema of `result.json`. The names of checks and of kinds of anomalies are those that the checks declare.
pub fn result_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RunResult).to_value();
    let checks = check_infos();
    let names: BTreeSet<&str> = checks.iter().map(|check| check.name).collect();
    let kinds: BTreeSet<&str> = checks.iter().flat_map(|check| check.kinds).map(|kind| kind.name).collect();
    for (place, values) in [("/$defs/Finding/properties/name", names), ("/$defs/AnomalyGroup/properties/kind", kinds)] {
        if let Some(property) = schema.pointer_mut(place) {
            property["enum"] = values.into_iter().collect();
        }
    }
    schema
}
