//! `ticketcd check`: judge a run directory again, without a cluster.

use std::path::PathBuf;

use crate::report::{self, RunResult};

use super::outcome::{Judged, conclude};
use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory of a run: reports/NAME-TIME
    run_dir: PathBuf,
    #[command(flatten)]
    judged: Judged,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    let report =
        report::build(&args.run_dir).map_err(|error| Failure::Usage(format!("cannot judge {}: {error}", args.run_dir.display())))?;
    let result: &RunResult = &report.result;
    conclude(result, &args.run_dir, &args.judged)
}
