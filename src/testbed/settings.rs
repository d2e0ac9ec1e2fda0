//! The settings of the testbed in a scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::limits;
use crate::settings::problem::{Checked, Problem, span};
use crate::settings::units::Span;

/// Flags that the harness sets: a second value would move a member out of its reach.
const OWN_FLAGS: [&str; 12] = [
    "name",
    "data-dir",
    "wal-dir",
    "config-file",
    "listen-peer-urls",
    "listen-client-urls",
    "initial-advertise-peer-urls",
    "advertise-client-urls",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "force-new-cluster",
];

/// The cluster that is started for the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// How many members: 1, 3 or 5.
    pub members: u8,
    /// An installed version or the path of a binary; by default the newest known-good version that is available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd: Option<String>,
    /// etcd's election timeout.
    pub election_timeout: Span,
    /// etcd's heartbeat interval.
    pub heartbeat_interval: Span,
    /// Further flags for every member, such as `--snapshot-count=1000`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            members: 3,
            etcd: None,
            election_timeout: Span::milliseconds(1000),
            heartbeat_interval: Span::milliseconds(100),
            flags: Vec::new(),
        }
    }
}

impl Cluster {
    /// Operations that the members accept in one transaction: etcd's own limit, or that of the last `--max-txn-ops` among the flags.
    pub fn txn_operations_max(&self) -> u32 {
        let of_flag = |flag: &String| flag.strip_prefix("--max-txn-ops=")?.parse().ok();
        self.flags.iter().rev().find_map(of_flag).unwrap_or(limits::TXN_OPERATIONS_OF_ETCD)
    }

    /// Whether the settings make sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Checked {
        if !limits::MEMBERS.contains(&self.members) {
            return Err(Problem::new("cluster.members", format!("{} is not 1, 3 or 5", self.members))
                .help("an even number tolerates no more failures than the odd number below it"));
        }
        if self.etcd.as_deref().is_some_and(|etcd| etcd.trim().is_empty()) {
            return Err(Problem::new("cluster.etcd", "is empty").help("name a version such as \"3.5.30\", or the path of a binary"));
        }
        span("cluster.election_timeout", self.election_timeout, limits::ELECTION_TIMEOUT_MAX)?;
        span("cluster.heartbeat_interval", self.heartbeat_interval, limits::ELECTION_TIMEOUT_MAX)?;
        if self.election_timeout.0 < self.heartbeat_interval.0 * limits::HEARTBEATS_PER_ELECTION {
            let least = limits::HEARTBEATS_PER_ELECTION;
            let heartbeat = self.heartbeat_interval;
            return Err(Problem::new(
                "cluster.election_timeout",
                format!("{} is less than {least} heartbeat intervals of {heartbeat}, which etcd refuses", self.election_timeout),
            ));
        }
        for (index, flag) in self.flags.iter().enumerate() {
            let path = format!("cluster.flags.{index}");
            let Some(name) = flag.strip_prefix("--").map(|flag| flag.split('=').next().unwrap_or(flag)).filter(|name| !name.is_empty())
            else {
                return Err(Problem::new(path, format!("{flag:?} is not a flag")).help("write it in one piece: \"--snapshot-count=1000\""));
            };
            if OWN_FLAGS.contains(&name) {
                return Err(Problem::new(path, format!("--{name} is set by the harness")));
            }
        }
        Ok(())
    }
}
