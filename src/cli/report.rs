//! `ticketcd report`: write the report files of a run directory again, or the index of a directory of runs, and open the page.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueHint;
use ticketcd_judge::history::io_reason;

use crate::printable;
use crate::report::{self, export, index};
use crate::terminal::{Screen, note};

use super::check::remedy;
use super::output::print;
use super::{Exit, Failure};

/// The program that opens a file with the user's default application.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run directory, such as reports/NAME-TIME, or a directory of run directories
    #[arg(value_name = "RUN_DIR", value_hint = ValueHint::DirPath)]
    path: PathBuf,
    /// Also write the operations of the load as comma-separated values: kind, times and latencies of each
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    csv: Option<PathBuf>,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
}

pub(super) fn execute(args: &Args) -> Result<Exit, Failure> {
    let is_several = is_directory_of_runs(&args.path);
    if is_several && args.csv.is_some() {
        return Err(Failure::Usage(format!("--csv is for one run, and {} holds several: name one of them", args.path.display())));
    }
    let page = if is_several { write_index(&args.path)? } else { write_report(args)? };
    let exit = print(&format!("{}\n", page.display()))?;
    if args.open {
        open(&page)?;
    }
    Ok(exit)
}

/// Whether it holds runs, or is a matrix, and is no run itself.
fn is_directory_of_runs(path: &Path) -> bool {
    let holds_run = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| ["run.json", "matrix.json"].iter().any(|file| entry.path().join(file).exists()))
    };
    !path.join("run.json").exists() && std::fs::read_dir(path).is_ok_and(|mut entries| entries.any(holds_run))
}

fn write_index(directory: &Path) -> Result<PathBuf, Failure> {
    index::write_index(directory).map_err(|error| Failure::NotCarriedOut(format!("cannot write the index of the runs: {error}")))
}

/// Writes the index of a directory that a run has ended in. A run without an entry there keeps its verdict.
pub(super) fn refresh_index(directory: &Path) {
    if let Err(error) = index::write_index(directory) {
        note(
            Screen::of_stderr().message(&format!("warning: cannot write the index of the runs: {}", printable::lines(&error.to_string()))),
        );
    }
}

fn write_report(args: &Args) -> Result<PathBuf, Failure> {
    let refused = |error| Failure::Usage(format!("cannot report on {}: {error}\n{}", args.path.display(), remedy(&args.path, &error)));
    let report = report::build(&args.path).map_err(refused)?;
    report::write(&report, &args.path).map_err(|error| Failure::NotCarriedOut(format!("cannot write the report: {error}")))?;
    if let Some(path) = &args.csv {
        let written = File::create(path).and_then(|file| export::write_operations(&report, &mut BufWriter::new(file)));
        written.map_err(|error| Failure::NotCarriedOut(format!("cannot write {}: {}", path.display(), io_reason(&error))))?;
    }
    Ok(args.path.join(report::PAGE))
}

fn open(page: &Path) -> Result<(), Failure> {
    let opened = Command::new(OPENER).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match opened {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::NotCarriedOut(format!("{OPENER} could not open {}: open it in a browser by hand", page.display()))),
        Err(_) => Err(Failure::NotCarriedOut(format!("{OPENER} cannot be started: open {} in a browser by hand", page.display()))),
    }
}
