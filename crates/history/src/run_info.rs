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
    /// What the record can show, because of where the run took place.
    pub testbed: TestbedInfo,
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
    /// Commit it was built from, as it reports.
    pub git_sha: String,
    /// Go version it was built with, as it reports.
    pub go_version: String,
    /// SHA-256 of the binary, hexadecimal; empty for a cluster we did not start.
    pub sha256: String,
    /// Where the binary is; empty for a cluster we did not start.
    pub path: String,
    /// A known defect that makes this build unfit for use, if there is one.
    pub known_bad: Option<String>,
}

/// What the record can show, because of where the run took place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestbedInfo {
    /// Whether the whole key space belongs to the run: nobody else wrote to the cluster.
    pub owns_key_space: bool,
    /// Whether the collectors began at revision 1.
    pub collects_from_first_revision: bool,
    /// Whether every member was restarted for a second audit.
    pub restarts_for_audit: bool,
    /// Whether the members ran on the machine of the load, so that they shared its processors.
    pub members_on_this_host: bool,
}

impl TestbedInfo {
    /// The testbed of a cluster that a run started for itself on this machine.
    pub const OWN: Self =
        Self { owns_key_space: true, collects_from_first_revision: true, restarts_for_audit: true, members_on_this_host: true };

    /// Whether the record has every write to the cluster, so that a write that is not in it did not happen.
    pub fn records_every_write(&self) -> bool {
        self.owns_key_space && self.collects_from_first_revision
    }
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
    /// Operating system and kernel; empty where they are not known.
    pub system: String,
    /// Processors; 0 where the number is not known.
    pub processors: u32,
    /// Memory, MiB; 0 where it is not known.
    pub memory_mib: u64,
}
