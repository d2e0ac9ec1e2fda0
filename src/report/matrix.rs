//! Several runs of one plan, side by side: one table for people, one file for programs.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::call::Purpose;

use super::latency::Clock;
use super::result::{RunResult, RunVerdict};
use super::summary::verdict_word;

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
            p50_ms: steady.map(|line| line.p50_ms),
            p99_ms: steady.map(|line| line.p99_ms),
            directory,
        }
    }
}

/// The table.
pub fn render(rows: &[MatrixRow]) -> String {
    let mut text = format!(
        "{:<14} {:<9} {:<10} {:>9} {:>8} {:>9} {:>8} {:>9} {:>9}\n",
        "strategy", "etcd", "verdict", "sold", "sold/s", "conflict", "unknown", "p50 ms", "p99 ms"
    );
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    for row in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<14} {:<9} {:<10} {:>9} {:>8.0} {:>9} {:>8} {:>9} {:>9}",
            row.strategy,
            row.etcd_version,
            verdict_word(row.verdict),
            row.sold,
            row.purchases_per_second,
            row.conflict,
            row.unknown,
            optional(row.p50_ms),
            optional(row.p99_ms)
        );
    }
    text
}

/// The exit code of the matrix: its worst run's, by the precedence of exit codes.
pub fn worst(rows: &[MatrixRow]) -> u8 {
    const PRECEDENCE: [u8; 7] = [1, 70, 130, 4, 2, 3, 0];
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
}
