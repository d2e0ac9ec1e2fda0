//! One side of a comparison: what its run directories hold.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_file;

use crate::report::result::{RunResult, RunVerdict};

/// Largest file of a run that is read, bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A run that takes part in a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedRun {
    /// Its directory, as it was given.
    pub directory: String,
    /// Name of its scenario.
    pub scenario: String,
    /// Its strategy.
    pub strategy: String,
    /// Its version of etcd.
    pub etcd_version: String,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: RunVerdict,
}

/// A run, read.
#[derive(Clone, Debug)]
pub struct Run {
    pub(super) described: ComparedRun,
    pub(super) result: RunResult,
    /// The resolved scenario, by dotted key.
    pub(super) settings: BTreeMap<String, String>,
    /// The latencies of each second, by tag: `purchase.response`.
    pub(super) latency: BTreeMap<String, BTreeMap<u64, Latencies>>,
}

/// The latencies of a second: microseconds with how often each was measured, in ascending order.
pub(super) type Latencies = Vec<(u64, u64)>;

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its runs.
    pub(super) runs: Vec<Run>,
}

/// A run directory cannot be compared. The text names the file.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// A file of it is missing or cannot be read.
    #[error("cannot read {}: {}\n`ticketcd report {}` writes the files of a recorded run again.", path.display(), io_reason(error), directory.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
        /// The run directory.
        directory: PathBuf,
    },
    /// A file of it does not have the expected shape.
    #[error("{} does not have the shape that this version of ticketcd writes\n`ticketcd report {}` writes the files of a recorded run again.", path.display(), directory.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The run directory.
        directory: PathBuf,
    },
}

/// Reads the runs of a side.
///
/// # Errors
/// When a file is missing or malformed.
pub fn read(directories: &[PathBuf]) -> Result<Side, SideError> {
    Ok(Side { runs: directories.iter().map(|directory| Run::read(directory)).collect::<Result<_, _>>()? })
}

impl Run {
    /// What no two runs share: when it began, with which seed.
    pub(super) fn identity(&self) -> (&str, u64) {
        (&self.result.started, self.result.seed)
    }

    fn read(directory: &Path) -> Result<Self, SideError> {
        let bytes = |name: &str| {
            let failed = |error| SideError::File { path: directory.join(name), error, directory: directory.to_owned() };
            run_file::read(directory, name, FILE_BYTES_MAX).map_err(|error| failed(error.into()))
        };
        let shape = |name: &str| SideError::Shape { path: directory.join(name), directory: directory.to_owned() };
        let result: RunResult = serde_json::from_slice(&bytes("result.json")?).map_err(|_| shape("result.json"))?;
        let scenario = String::from_utf8(bytes("scenario.toml")?).map_err(|_| shape("scenario.toml"))?;
        let scenario: toml::Table = scenario.parse().map_err(|_| shape("scenario.toml"))?;
        let mut settings = BTreeMap::new();
        flatten("", &toml::Value::Table(scenario), &mut settings);
        let latency = latency(&bytes("latency.hlog")?).ok_or_else(|| shape("latency.hlog"))?;
        let described = ComparedRun {
            directory: directory.display().to_string(),
            scenario: result.scenario.clone(),
            strategy: result.strategy.clone(),
            etcd_version: result.etcd_version.clone(),
            seed: result.seed,
            verdict: result.verdict,
        };
        Ok(Self { described, result, settings, latency })
    }
}

/// Every value of a table by its dotted key.
fn flatten(prefix: &str, value: &toml::Value, settings: &mut BTreeMap<String, String>) {
    let key = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(name, value)| flatten(&key(name), value, settings)),
        toml::Value::Array(values) => {
            values.iter().enumerate().for_each(|(index, value)| flatten(&format!("{prefix}[{index}]"), value, settings));
        }
        value => {
            settings.insert(prefix.to_owned(), value.to_string());
        }
    }
}

/// The histograms of an interval log, by tag and second. `None` when it is no such log.
fn latency(log: &[u8]) -> Option<BTreeMap<String, BTreeMap<u64, Latencies>>> {
    let mut deserializer = Deserializer::new();
    let mut latency: BTreeMap<String, BTreeMap<u64, Latencies>> = BTreeMap::new();
    for entry in IntervalLogIterator::new(log) {
        let Ok(LogEntry::Interval(interval)) = entry else {
            entry.ok()?;
            continue;
        };
        let histogram: Histogram<u64> = decode(interval.encoded_histogram(), &mut deserializer)?;
        let tag = interval.tag()?.as_str().to_owned();
        let counts = histogram.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value())).collect();
        latency.entry(tag).or_default().insert(interval.start_timestamp().as_secs(), counts);
    }
    Some(latency)
}

fn decode(encoded: &str, deserializer: &mut Deserializer) -> Option<Histogram<u64>> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    deserializer.deserialize(&mut bytes.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_dotted_keys() {
        let table: toml::Table = "a = 1\n[b.c]\nd = \"x\"\n[[fault]]\nat = \"1s\"\n".parse().unwrap();
        let mut settings = BTreeMap::new();
        flatten("", &toml::Value::Table(table), &mut settings);
        let expected = [("a", "1"), ("b.c.d", "\"x\""), ("fault[0].at", "\"1s\"")];
        assert_eq!(settings, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn what_is_no_log_is_refused() {
        assert!(latency(b"purchase,1,2,3,\xff\xff").is_none());
        assert_eq!(latency(b""), Some(BTreeMap::new()));
    }
}
