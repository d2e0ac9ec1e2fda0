//! The files that are made of a report, one reporter each. A new one is a file here and a line in [`REPORTERS`].

mod junit;
mod latency_log;
mod report_html;
mod result_json;
mod summary_md;
#[cfg(test)]
mod testing;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

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
        write_whole(&path, |output| (reporter.write)(report, output)).map_err(|error| ReportError::File { path, error })?;
    }
    Ok(())
}

/// Writes a file as a whole or not at all: on a full disk, a program would find an empty one, or the beginning of one.
pub(in crate::report) fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // It is removed when it is not kept.
    let mut file = NamedTempFile::new_in(directory)?;
    let mut output = BufWriter::new(&mut file);
    write(&mut output)?;
    output.flush()?;
    drop(output);
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_to_its_end_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("result.json");
        write_whole(&path, |output| output.write_all(b"whole")).unwrap();
        let failed = write_whole(&path, |output| {
            output.write_all(b"a part")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
