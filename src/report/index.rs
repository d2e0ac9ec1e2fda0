//! The page over all runs of a directory: `index.html`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use askama::Template;
use jiff::Timestamp;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_file;

use super::html::{STYLE, verdict_class};
use super::latency::Clock;
use super::matrix::MatrixResult;
use super::numbers::{counted, milliseconds, rate};
use super::reporters::{PAGE, write_whole};
use super::result::{RunResult, RunVerdict};
use super::summary::verdict_word;
use crate::printable;

/// The file's name.
pub const INDEX: &str = "index.html";

/// Largest `result.json` or `matrix.json` that is read, bytes.
const RESULT_BYTES_MAX: u64 = 256 << 20;

/// The index cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The directory cannot be read, or the page cannot be written.
    #[error("{}: {}", path.display(), io_reason(error))]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The template cannot be filled in.
    #[error(transparent)]
    Template(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "index.html")]
struct Page {
    style: &'static str,
    summary: String,
    rows: Vec<Row>,
    version: &'static str,
}

/// A run, or a run of a matrix.
struct Row {
    class: &'static str,
    verdict: &'static str,
    /// The page of the run, relative to the index.
    link: String,
    name: String,
    scenario: String,
    strategy: String,
    etcd_version: String,
    started: String,
    seed: u64,
    sold: String,
    p99: String,
}

/// The page over the runs in a directory, and those of the matrices in it; the newest come first. Directories without a readable
/// `result.json` are left out: they are runs that still go on, or something else.
///
/// # Errors
/// When the directory cannot be read.
pub fn index(directory: &Path) -> Result<String, IndexError> {
    let mut runs: Vec<(String, RunResult)> = Vec::new();
    for name in directories(directory)? {
        let path = directory.join(&name);
        if let Some(result) = read::<RunResult>(&path, "result.json") {
            runs.push((name, result));
        } else if let Some(matrix) = read::<MatrixResult>(&path, "matrix.json") {
            let of_row = |row: &str| Some((format!("{name}/{row}"), read::<RunResult>(&path.join(row), "result.json")?));
            // A matrix of someone else may name any directory.
            let rows = matrix.rows.iter().filter(|row| !row.directory.contains(['/', '\\']) && row.directory != "..");
            runs.extend(rows.filter_map(|row| of_row(&row.directory)));
        }
    }
    runs.sort_by(|(one_name, one), (other_name, other)| (&other.started, one_name).cmp(&(&one.started, other_name)));
    let rows: Vec<Row> = runs.iter().map(|(name, result)| row(name, result)).collect();
    let page = Page { style: STYLE, summary: summary(&runs), rows, version: env!("CARGO_PKG_VERSION") };
    Ok(printable::lines(&page.render()?).into_owned())
}

/// Writes the page into the directory. Two that write at once leave a whole page of one of them.
///
/// # Errors
/// When the directory cannot be read or written.
pub fn write_index(directory: &Path) -> Result<PathBuf, IndexError> {
    let page = index(directory)?;
    let path = directory.join(INDEX);
    match write_whole(&path, |output| output.write_all(page.as_bytes())) {
        Ok(()) => Ok(path),
        Err(error) => Err(IndexError::File { path, error }),
    }
}

/// The names of the directories in it.
fn directories(directory: &Path) -> Result<Vec<String>, IndexError> {
    let unreadable = |error| IndexError::File { path: directory.to_owned(), error };
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    Ok(entries.iter().filter(|entry| is_directory(entry)).filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn read<Content: serde::de::DeserializeOwned>(directory: &Path, name: &str) -> Option<Content> {
    serde_json::from_slice(&run_file::read(directory, name, RESULT_BYTES_MAX).ok()?).ok()
}

fn row(name: &str, result: &RunResult) -> Row {
    let is_response = |line: &&super::latency::LatencyLine| {
        line.phase == "steady" && line.clock == Clock::Response && line.operation == Purpose::Purchase
    };
    let p99 = result.latency.iter().find(is_response).map(|line| line.p99_ms);
    Row {
        class: verdict_class(result.verdict),
        verdict: verdict_word(result.verdict),
        link: format!("{}/{PAGE}", name.split('/').map(escaped).collect::<Vec<_>>().join("/")),
        name: name.to_owned(),
        scenario: result.scenario.clone(),
        strategy: result.strategy.clone(),
        etcd_version: result.etcd_version.clone(),
        started: result.started.parse::<Timestamp>().map_or_else(|_| result.started.clone(), |at| at.strftime("%F %T").to_string()),
        seed: result.seed,
        sold: rate(result.load.purchases_per_second),
        p99: p99.map_or_else(|| "–".to_owned(), milliseconds),
    }
}

fn summary(runs: &[(String, RunResult)]) -> String {
    let of = |verdict| runs.iter().filter(|(_, run)| run.verdict == verdict).count() as u64;
    let all = [RunVerdict::Violation, RunVerdict::Unknown, RunVerdict::Invalid, RunVerdict::ObjectiveMissed, RunVerdict::Pass];
    let parts = all.into_iter().filter(|verdict| of(*verdict) > 0).map(|verdict| format!("{} {}", of(verdict), verdict_word(verdict)));
    let parts: Vec<String> = parts.collect();
    let count = counted(runs.len() as u64, "run");
    if parts.is_empty() { count } else { format!("{count}: {}", parts.join(", ")) }
}

/// A path segment as part of a URL: everything but letters, digits and `-._~` is percent-encoded (RFC 3986, section 2.3).
fn escaped(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    segment.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::run_info::RunInfo;

    use super::*;
    use crate::report::build::describe;

    fn add(directory: &Path, name: &str, started: &str, verdict: RunVerdict) {
        let result = RunResult { verdict, started: started.to_owned(), ..describe(RunInfo::default()) };
        fs::create_dir_all(directory.join(name)).unwrap();
        fs::write(directory.join(name).join("result.json"), serde_json::to_vec(&result).unwrap()).unwrap();
    }

    #[test]
    fn the_newest_run_comes_first_and_what_is_no_run_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        add(directory.path(), "old & <odd>", "2026-01-01T00:00:00Z", RunVerdict::Pass);
        add(directory.path(), "new", "2026-02-01T00:00:00Z", RunVerdict::Violation);
        fs::create_dir(directory.path().join("going-on")).unwrap();
        std::os::unix::fs::symlink("/", directory.path().join("link")).unwrap();
        let page = fs::read_to_string(write_index(directory.path()).unwrap()).unwrap();
        assert!(page.contains("2 runs: 1 violation, 1 pass"), "{page}");
        let (new, old) = (page.find("new/report.html").unwrap(), page.find("old%20%26%20%3Codd%3E/report.html").unwrap());
        assert!(new < old && !page.contains("going-on") && !page.contains("<odd>"), "{page}");
    }

    #[test]
    fn a_directory_that_is_missing_is_named() {
        let error = index(Path::new("/nowhere/at-all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at-all: "), "{error}");
    }
}
