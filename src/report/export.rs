//! The operations of a run as comma-separated values, for analysis in other programs: DuckDB, Spark, a spreadsheet.

use std::io::{self, Write};

use super::build::Report;
use crate::scenario::metric::operation_name;

/// The columns. Times are in seconds since the start of the steady phase, latencies in milliseconds.
const COLUMNS: &str = "operation,due_seconds,done_seconds,service_ms,response_ms,sold";

/// Writes a line for each operation of the counted load, in the order in which they ended. Operations that no member took on are
/// not among them, as in the latencies of `result.json`.
///
/// # Errors
/// When it cannot be written.
pub fn write_operations(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    let origin = report.statistics.timeline.load().map_or(0, |load| load.from);
    let seconds = |at: u64| (at as f64 - origin as f64) / 1e9;
    writeln!(output, "{COLUMNS}")?;
    for sample in &report.statistics.samples {
        // No value contains a comma or a quotation mark.
        let (operation, due, done) = (operation_name(sample.purpose), seconds(sample.due), seconds(sample.done()));
        let [service, response] = [sample.service_us, sample.response_us].map(|microseconds| f64::from(microseconds) / 1e3);
        writeln!(output, "{operation},{due:.6},{done:.6},{service:.3},{response:.3},{}", sample.sold)?;
    }
    output.flush()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ticketcd_judge::history::annotation::Purpose;
    use ticketcd_judge::history::event::Phase;
    use ticketcd_judge::history::run_info::RunInfo;

    use super::*;
    use crate::report::build::describe;
    use crate::report::latency::Sample;
    use crate::report::statistics::Statistics;

    #[test]
    fn each_operation_is_a_line() {
        let mut statistics = Statistics::default();
        statistics.timeline.phases = vec![(Phase::Steady, 2_000_000_000), (Phase::Drain, 9_000_000_000)];
        statistics.samples = vec![Sample::new(Purpose::Purchase, 2_500_000_000, 2_501_000_000, 2_505_000_000, true)];
        let report = Report { result: describe(RunInfo::default()), statistics, directory: PathBuf::new() };
        let mut text = Vec::new();
        write_operations(&report, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), format!("{COLUMNS}\npurchase,0.500000,0.505000,4.000,5.000,true\n"));
    }
}
