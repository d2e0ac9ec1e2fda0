//! Whether runs may be compared: only what is meant to differ may differ.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::side::{Run, Side};
use crate::report::bottleneck::others_share;
use crate::report::result::RunVerdict;

/// What runs can differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The purchase strategy or one of its settings. May differ between the sides.
    Strategy,
    /// The build of etcd. May differ between the sides.
    Etcd,
    /// A setting of the scenario.
    Scenario,
    /// The machine.
    Host,
    /// The version of ticketcd.
    Tool,
}

impl Subject {
    /// Whether it is what one varies.
    fn may_differ(self) -> bool {
        matches!(self, Self::Strategy | Self::Etcd)
    }
}

/// Something that two runs differ in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What it is about.
    pub subject: Subject,
    /// Which value: the dotted key of a setting, or what is known of machine and build.
    pub key: String,
    /// The value of the first run; none where it has no such value.
    pub baseline: Option<String>,
    /// The value of the other.
    pub candidate: Option<String>,
}

/// Why runs are not comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The sides differ in something that is not what one varies.
    SidesDiffer(Difference),
    /// A run differs from the first one of its own side.
    RunsOfOneSideDiffer {
        /// The run's directory.
        directory: String,
        /// In what.
        difference: Difference,
    },
    /// The run is invalid: it shows nothing about the cluster.
    Invalid {
        /// The run's directory.
        directory: String,
    },
    /// The run was interrupted: its load was cut short.
    Interrupted {
        /// The run's directory.
        directory: String,
    },
    /// Other programs took a large share of the machine's processor time meanwhile.
    Disturbed {
        /// The run's directory.
        directory: String,
        /// Their share, from 0 to 1.
        share: f64,
    },
    /// The same run is on both sides, or twice on one.
    Repeated {
        /// The run's directory.
        directory: String,
    },
}

/// Other programs with more than this share of the processor time change a run by more than what one compares. On an idle machine
/// the kernel and the container engine take about a twentieth.
const DISTURBED_SHARE: f64 = 0.15;

/// Keys of a scenario that change nothing about a run: what it is called, and what is expected of it.
const DESCRIPTIVE: [&str; 6] = ["name", "description", "expect", "objective", "known", "lesson"];

/// The key of the strategy itself.
pub(super) const STRATEGY: &str = "strategy";

/// Everything about a run that may matter.
fn facts(run: &Run) -> BTreeMap<(Subject, String), String> {
    let settings = run.settings.iter().filter_map(|(key, value)| {
        let first = key.split(['.', '[']).next().unwrap_or_default();
        let subject = match key.as_str() {
            _ if DESCRIPTIVE.contains(&first) => return None,
            // The build itself is compared, not where it lies.
            "cluster.etcd" => return None,
            key if key.starts_with("load.strategy") => Subject::Strategy,
            _ => Subject::Scenario,
        };
        Some(((subject, key.clone()), value.clone()))
    });
    let result = &run.result;
    let fact = |subject, key: &str, value: String| ((subject, key.to_owned()), value);
    let others = [
        fact(Subject::Strategy, STRATEGY, result.strategy.clone()),
        fact(Subject::Etcd, "version", result.etcd.version.clone()),
        fact(Subject::Etcd, "commit", result.etcd.git_sha.clone()),
        fact(Subject::Host, "system", result.host.system.clone()),
        fact(Subject::Host, "processors", result.host.processors.to_string()),
        fact(Subject::Host, "memory in MiB", result.host.memory_mib.to_string()),
        fact(Subject::Tool, "version", result.tool_version.clone()),
    ];
    settings.chain(others).collect()
}

fn differences_of(first: &Run, other: &Run) -> Vec<Difference> {
    let (first, other) = (facts(first), facts(other));
    let mut keys: Vec<_> = first.keys().chain(other.keys()).collect();
    keys.sort();
    keys.dedup();
    let differing = keys.into_iter().filter(|key| first.get(key) != other.get(key));
    differing
        .map(|key| Difference { subject: key.0, key: key.1.clone(), baseline: first.get(key).cloned(), candidate: other.get(key).cloned() })
        .collect()
}

/// What differs between the sides and may.
pub(super) fn differences(baseline: &Side, candidate: &Side) -> Vec<Difference> {
    let (Some(first), Some(other)) = (baseline.runs.first(), candidate.runs.first()) else { return Vec::new() };
    let mut differences = differences_of(first, other);
    differences.retain(|difference| difference.subject.may_differ());
    if differences.iter().any(|difference| difference.key == STRATEGY) {
        // Another strategy has other settings: they go without saying.
        differences.retain(|difference| difference.subject != Subject::Strategy || difference.key == STRATEGY);
    }
    differences
}

/// Everything that stands in the way of comparing the sides.
pub(super) fn obstacles(baseline: &Side, candidate: &Side) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    for side in [baseline, candidate] {
        let Some(first) = side.runs.first() else { continue };
        for run in side.runs.iter().skip(1) {
            let directory = &run.described.directory;
            let differing = differences_of(first, run).into_iter();
            obstacles.extend(differing.map(|difference| Obstacle::RunsOfOneSideDiffer { directory: directory.clone(), difference }));
        }
    }
    if let (Some(first), Some(other)) = (baseline.runs.first(), candidate.runs.first()) {
        let differing = differences_of(first, other).into_iter().filter(|difference| !difference.subject.may_differ());
        obstacles.extend(differing.map(Obstacle::SidesDiffer));
    }
    let runs = || baseline.runs.iter().chain(&candidate.runs);
    for (place, run) in runs().enumerate() {
        let directory = || run.described.directory.clone();
        if run.result.verdict == RunVerdict::Invalid {
            obstacles.push(Obstacle::Invalid { directory: directory() });
        }
        if run.result.interrupted {
            obstacles.push(Obstacle::Interrupted { directory: directory() });
        }
        if let Some(share) = others_share(&run.result.resources).filter(|share| *share > DISTURBED_SHARE) {
            obstacles.push(Obstacle::Disturbed { directory: directory(), share });
        }
        if runs().take(place).any(|other| other.identity() == run.identity()) {
            obstacles.push(Obstacle::Repeated { directory: directory() });
        }
    }
    obstacles
}
