//! `run.json`: what a run directory is the record of.

use serde::{Deserialize, Serialize};

/// Version of the files in a run directory. A reader refuses a newer one. Version 3 is the first that stays readable.
pub const FORMAT_VERSION: u32 = 3;

/// The content of `run.json`, written before the load begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// SHA-256 of the resolved scenario, hexadecimal.
    pub scenario_sha256: String,
    /// The seed of the plan.
    pub seed: u64,
    /// The tag that begins every order id of this run.
    pub run_tag: String,
    /// The prefix of the shop's keys; may be empty.
    pub prefix: String,
    /// The purchase strategy.
    pub strategy: String,
    /// Where the stock is kept.
    pub layout: StockLayout,
    /// When the run began, RFC 3339.
    pub started: String,
    /// Version of the tool that wrote this.
    pub tool_version: String,
    /// The etcd that was run.
    pub etcd: EtcdInfo,
    /// The members, in the order of their indices.
    pub members: Vec<MemberInfo>,
    /// Whether the cluster is ours: only then everything in it is recorded.
    pub own_cluster: bool,
    /// The machine.
    pub host: HostInfo,
    /// The verdict the scenario expects, as in `--expect`.
    pub expect: Option<String>,
}

/// Where the stock of a ticket is kept; it defines what "available" means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockLayout {
    /// In the ticket's `current_quantity`.
    #[default]
    Plain,
    /// Spread over shard keys.
    Sharded,
    /// Partly in holds.
    Held,
}

/// An etcd build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EtcdInfo {
    /// `3.5.30`
    pub version: String,
    /// Commit it was built from, as it says.
    pub git_sha: String,
    /// Go version it was built with, as it says.
    pub go_version: String,
    /// SHA-256 of the binary, hexadecimal; empty for a cluster we did not start.
    pub sha256: String,
    /// Where the binary is; empty for a cluster we did not start.
    pub path: String,
    /// A known defect that makes this build unfit for use, if there is one.
    pub known_bad: Option<String>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// `m1`, …
    pub name: String,
    /// etcd's id of it.
    pub member_id: u64,
    /// Where clients reach it.
    pub endpoint: String,
    /// Its log, relative to the run directory; none for a cluster we did not start.
    pub log: Option<String>,
}

/// The machine a run was made on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostInfo {
    /// Operating system and kernel.
    pub system: String,
    /// Processors.
    pub processors: u32,
    /// Memory, MiB.
    pub memory_mib: u64,
}
