//! The files that are made of a report, one reporter each. A new one is a file here and a line in [`REPORTERS`].

mod junit;
mod latency_log;
mod report_html;
mod result_json;
mod summary_md;
#[cfg(test)]
mod testing;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::build::{Report, ReportError};

pub use summary_md::markdown;

/// Writes one file of a run directory.
pub struct Reporter {
    /// The file's name in the run directory.
    pub file: &'static str,
    /// Writes its content.
    write: fn(&Report, &mut dyn Write) -> io::Result<()>,
}

/// The page for people.
pub const PAGE: &str = report_html::REPORTER.file;

/// Every reporter, in the order in which the files are written: the verdict first.
const REPORTERS: [Reporter; 5] =
    [result_json::REPORTER, latency_log::REPORTER, junit::REPORTER, report_html::REPORTER, summary_md::REPORTER];

/// Writes the files of all reporters into the run directory.
///
/// # Errors
/// When one cannot be written; those before it are.
pub fn write(report: &Report, directory: &Path) -> Result<(), ReportError> {
    for reporter in &REPORTERS {
        let path = directory.join(reporter.file);
        let written = File::create(&path).and_then(|file| {
            let mut output = BufWriter::new(file);
            (reporter.write)(report, &mut output)?;
            output.flush()
        });
        written.map_err(|error| ReportError::File { path, error })?;
    }
    Ok(())
}
