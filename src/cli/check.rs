//! `ticketcd check`: judge a run directory again, without a cluster.

use std::path::PathBuf;

use crate::report;

use super::outcome::{Judged, conclude};
use super::{Exit, Failure};

/// What to do when it cannot be judged.
const NEXT: &str =
    "\nName the directory of a run, such as reports/NAME-TIME: one that was ended before it recorded anything holds nothing to judge.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory of a run: reports/NAME-TIME
    run_dir: PathBuf,
    #[command(flatten)]
    judged: Judged,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    let report =
        report::build(&args.run_dir).map_err(|error| Failure::Usage(format!("cannot judge {}: {error}{NEXT}", args.run_dir.display())))?;
    conclude(&report.result, &args.run_dir, &args.judged)
}
