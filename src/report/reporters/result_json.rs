//! `result.json`: the verdict with its evidence, and every figure, for programs.

use std::io::{self, Write};

use super::Reporter;
use crate::report::build::Report;

pub(super) const REPORTER: Reporter = Reporter { file: "result.json", write };

fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(output, &report.result).map_err(io::Error::other)
}
