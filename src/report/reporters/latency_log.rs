//! `latency.hlog`: latency histograms of each second, as an HDR interval log.

use std::io::{self, Write};

use super::Reporter;
use crate::report::build::Report;
use crate::report::latency::write_log;

pub(super) const REPORTER: Reporter = Reporter { file: "latency.hlog", write };

fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    write_log(output, &report.statistics.samples, report.statistics.timeline.load().as_ref())
}
