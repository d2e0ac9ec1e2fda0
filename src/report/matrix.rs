//! Several runs of one plan, side by side: one table for people, one file for programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::annotation::Purpose;

use super::latency::Clock;
use super::numbers::{count, tenths};
use super::result::{RunResult, RunVerdict};
use crate::printable;
use crate::terminal::{Screen, Table};

/// Version of the shape of `matrix.json`. It grows when a field changes its meaning or goes; new fields may come any time.
pub const SCHEMA_VERSION: u32 = 1;

/// The content of `matrix.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixResult {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// The seed: the same in every row.
    pub seed: u64,
    /// Whether the matrix was interrupted by Ctrl-C, so that rows are missing or cut short.
    pub interrupted: bool,
    /// The runs, in their order.
    pub rows: Vec<MatrixRow>,
    /// What was meant to be run and has not been, or not yet: strategy and build of etcd, in words.
    pub not_run: Vec<String>,
}

/// One run of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixRow {
    /// The purchase strategy.
    pub strategy: String,
    /// Version of etcd.
    pub etcd_version: String,
    /// The seed: the same in every row.
    pub seed: u64,
    /// How the run ended.
    pub verdict: RunVerdict,
    /// The exit code that goes with the verdict.
    pub exit_code: u8,
    /// Orders sold.
    pub sold: u64,
    /// Orders sold a second.
    pub purchases_per_second: f64,
    /// Orders given up after conflicts.
    pub conflict: u64,
    /// Orders without an answer.
    pub unknown: u64,
    /// Buyers who placed an order.
    #[serde(default)]
    pub buyers_tried: u64,
    /// Buyers to whom at least one order was sold.
    #[serde(default)]
    pub buyers_served: u64,
    /// The largest part of all orders sold that went to one buyer; none when nothing was sold.
    #[serde(default)]
    pub largest_share: Option<f64>,
    /// Median response time of a purchase.
    pub p50_ms: Option<f64>,
    /// 99th percentile of it.
    pub p99_ms: Option<f64>,
    /// The run's directory, relative to the matrix's.
    pub directory: String,
}

impl MatrixRow {
    /// A row from a run's result.
    pub fn new(result: &RunResult, directory: String) -> Self {
        let steady = result
            .latency
            .iter()
            .find(|line| line.operation == Purpose::Purchase && line.phase == "steady" && line.clock == Clock::Response);
        Self {
            strategy: result.strategy.clone(),
            etcd_version: result.etcd_version.clone(),
            seed: result.seed,
            verdict: result.verdict,
            exit_code: result.exit_code,
            sold: result.load.sold,
            purchases_per_second: result.load.purchases_per_second,
            conflict: result.load.conflict,
            unknown: result.load.unknown,
            buyers_tried: result.load.fairness.buyers_tried,
            buyers_served: result.load.fairness.buyers_served,
            largest_share: result.load.fairness.largest_share,
            p50_ms: steady.map(|line| line.p50_ms),
            p99_ms: steady.map(|line| line.p99_ms),
            directory,
        }
    }
}

/// The names of the table's columns; `#` stands before those of numbers.
const COLUMN_NAMES: [&str; 11] =
    ["strategy", "etcd", "verdict", "#sold", "#sold/s", "#conflict", "#unknown", "#served", "#top share", "#p50 ms", "#p99 ms"];

/// The table, and what is missing in it.
pub fn render(matrix: &MatrixResult, screen: Screen) -> String {
    let mut table = Table::new(&COLUMN_NAMES);
    matrix.rows.iter().for_each(|row| table.row(cells(row)));
    let mut text = table.render(screen);
    if !matrix.not_run.is_empty() {
        text.push_str(&screen.wrapped("not run: ", &matrix.not_run.join(", ")));
    }
    text
}

fn cells(row: &MatrixRow) -> [String; 11] {
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), tenths);
    [
        printable::cell(&row.strategy),
        printable::cell(&row.etcd_version),
        short_verdict(row.verdict).to_owned(),
        count(row.sold),
        count(row.purchases_per_second.round().max(0.0) as u64),
        count(row.conflict),
        count(row.unknown),
        format!("{}/{}", count(row.buyers_served), count(row.buyers_tried)),
        row.largest_share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", share * 100.0)),
        optional(row.p50_ms),
        optional(row.p99_ms),
    ]
}

/// The verdict as in the list of exit codes.
fn short_verdict(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "pass",
        RunVerdict::Violation => "violation",
        RunVerdict::Unknown => "unknown",
        RunVerdict::ObjectiveMissed => "objective",
        RunVerdict::Invalid => "invalid",
    }
}

/// The JSON Schema of `matrix.json`.
pub fn matrix_schema() -> serde_json::Value {
    schemars::schema_for!(MatrixResult).to_value()
}

/// The exit code of the matrix: its worst run's, by the precedence of exit codes.
pub fn worst(rows: &[MatrixRow]) -> u8 {
    const PRECEDENCE: [u8; 8] = [1, 70, 130, 6, 4, 2, 3, 0];
    PRECEDENCE.into_iter().find(|code| rows.iter().any(|row| row.exit_code == *code)).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(exit_code: u8) -> MatrixRow {
        MatrixRow {
            strategy: "optimistic".to_owned(),
            etcd_version: "3.5.30".to_owned(),
            seed: 1,
            verdict: RunVerdict::Pass,
            exit_code,
            sold: 1,
            purchases_per_second: 1.0,
            conflict: 0,
            unknown: 0,
            buyers_tried: 100_000,
            buyers_served: 99_999,
            largest_share: Some(0.123),
            p50_ms: None,
            p99_ms: Some(2.0),
            directory: String::new(),
        }
    }

    #[test]
    fn the_worst_run_decides() {
        assert_eq!(worst(&[row(0), row(2), row(4)]), 4);
        assert_eq!(worst(&[row(130), row(1)]), 1);
        assert_eq!(worst(&[row(0)]), 0);
        assert_eq!(worst(&[]), 2, "no run proves nothing");
    }

    fn matrix(rows: Vec<MatrixRow>, not_run: &[&str]) -> MatrixResult {
        let not_run: Vec<String> = not_run.iter().map(|name| (*name).to_owned()).collect();
        MatrixResult { schema_version: SCHEMA_VERSION, scenario: "mine".to_owned(), seed: 1, interrupted: false, rows, not_run }
    }

    #[test]
    fn the_table_fits_the_terminal_and_its_columns_stand_below_their_names() {
        let large = MatrixRow {
            strategy: "fenced-lock".to_owned(),
            verdict: RunVerdict::ObjectiveMissed,
            sold: 1_234_567,
            purchases_per_second: 12_345.0,
            conflict: 123_456,
            unknown: 12_345,
            p50_ms: Some(1234.5),
            p99_ms: Some(12_345.6),
            ..row(3)
        };
        let matrix = matrix(vec![row(0), large], &[]);
        for columns in [100, 120] {
            let text = render(&matrix, Screen::plain(columns));
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}: {text}");
        }
        let text = render(&matrix, Screen::none());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[2].contains("objective") && lines[2].contains("99,999/100,000") && lines[2].contains("12.3%"), "{text}");
        let end = lines[0].find("sold").unwrap() + "sold".len();
        assert_eq!(&lines[2][end - "1,234,567".len()..end], "1,234,567", "{text}");
    }

    #[test]
    fn rows_that_were_not_run_are_named() {
        let text = render(&matrix(vec![row(130)], &["naive on 3.5.30", "optimistic on 3.5.1"]), Screen::none());
        assert!(text.ends_with("\nnot run: naive on 3.5.30, optimistic on 3.5.1\n"), "{text}");
    }
}
