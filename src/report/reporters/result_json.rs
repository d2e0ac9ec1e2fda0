//! `result.json`: the verdict with its evidence, and every figure, for programs.

use std::io::{self, Write};

use super::Reporter;
use crate::printable;
use crate::report::build::Report;

pub(super) const REPORTER: Reporter = Reporter { file: "result.json", write };

fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&report.result).map_err(io::Error::other)?;
    output.write_all(printable::json(&text).as_bytes())
}
