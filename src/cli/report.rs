//! `ticketcd report`: write the report files of a run directory again, and open the page.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueHint;

use crate::report;

use super::check::remedy;
use super::output::print;
use super::{Exit, Failure};

/// The program that opens a file with the user's default application.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run directory, such as reports/NAME-TIME
    #[arg(value_name = "RUN_DIR", value_hint = ValueHint::DirPath)]
    path: PathBuf,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
}

pub(super) fn execute(args: &Args) -> Result<Exit, Failure> {
    let refused = |error| Failure::Usage(format!("cannot report on {}: {error}\n{}", args.path.display(), remedy(&args.path, &error)));
    let report = report::build(&args.path).map_err(refused)?;
    report::write(&report, &args.path).map_err(|error| Failure::Invalid(format!("cannot write the report: {error}")))?;
    let page = args.path.join(report::PAGE);
    let exit = print(&format!("{}\n", page.display()))?;
    if args.open {
        open(&page)?;
    }
    Ok(exit)
}

fn open(page: &Path) -> Result<(), Failure> {
    let opened = Command::new(OPENER).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match opened {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::Invalid(format!("{OPENER} could not open {}: open it in a browser by hand", page.display()))),
        Err(_) => Err(Failure::Invalid(format!("{OPENER} cannot be started: open {} in a browser by hand", page.display()))),
    }
}
