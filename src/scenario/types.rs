//! A scenario as a whole. Its parts are the settings of the modules that read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::load::Load;
use crate::fault::Plan;
pub use crate::fault::settings::{RandomFaults, ScheduledFault};
pub use crate::fault::{Direction, Inject, LinkSet};
pub use crate::settings::types::*;
pub use crate::shop::purchase::{
    Alternatives, BatchedSettings, CommandSettings, FencedLockSettings, HoldSettings, LockSettings, NaiveSettings, OptimisticSettings,
    QuotedSettings, Retry, ShardedSettings, Stall, Strategy,
};
pub use crate::testbed::Cluster;

/// A scenario: a cluster, a shop, a load, what breaks, and what is expected of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name: letters, digits and hyphens.
    pub name: String,
    /// What it shows, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// The verdict it is expected to end with, as in `--expect`: `pass`, `violation`, `violation:oversell`, `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// The cluster.
    #[serde(default)]
    pub cluster: Cluster,
    /// The shop.
    #[serde(default)]
    pub dataset: Dataset,
    /// The load.
    #[serde(default)]
    pub load: Load,
    /// What the run must reach in addition to being correct. A missed objective is exit code 3.
    #[serde(default, rename = "objective", skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
    /// Known defects, whose findings are waived until a date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Known>,
    /// The timetable of faults. Faults may overlap.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ScheduledFault>,
    /// Random faults, drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_faults: Option<RandomFaults>,
}

impl Scenario {
    /// A scenario with this name, and everything else by default.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            expect: None,
            cluster: Cluster::default(),
            dataset: Dataset::default(),
            load: Load::default(),
            objectives: Vec::new(),
            known: Vec::new(),
            faults: Vec::new(),
            random_faults: None,
        }
    }

    /// What breaks in a run with this seed, and when.
    pub fn fault_plan(&self, seed: u64) -> Plan {
        Plan::draw(&self.faults, self.random_faults.as_ref(), self.load.duration, seed)
    }
}
