//! `ticketcd supervisor`: started by this program only; see [`crate::testbed::local::supervisor`] and
//! [`crate::testbed::local::scratch`].

use std::ffi::OsString;
use std::path::PathBuf;

use ticketcd_judge::history::io_reason;

use super::{Exit, Failure};
use crate::testbed::local::{scratch, supervisor};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Become the command, supervised by this process.
    #[arg(long)]
    parent: Option<u32>,
    /// Give the command our own standard input and output, and end as it does.
    #[arg(long, conflicts_with_all = ["parent", "scratch"])]
    pass_on: bool,
    /// Run no command: remove this directory when the harness is gone.
    #[arg(long, conflicts_with_all = ["parent", "command"])]
    scratch: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(last = true, required_unless_present = "scratch")]
    command: Vec<OsString>,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    if let Some(directory) = &args.scratch {
        scratch::keep(directory)
            .map_err(|error| Failure::NotCarriedOut(format!("cannot remove {}: {}", directory.display(), io_reason(&error))))?;
        return Ok(Exit::Pass);
    }
    let program = args.command.first().map(|program| program.display().to_string()).unwrap_or_default();
    let failed = |error: std::io::Error| Failure::NotCarriedOut(format!("cannot run {program}: {}", io_reason(&error)));
    match args.parent {
        None if args.pass_on => {
            let code = supervisor::supervise_and_pass_on(&["supervisor".into(), "--parent".into()], &args.command).map_err(failed)?;
            // Its end is that of the command, not one of our own verdicts.
            std::process::exit(code.into());
        }
        Some(parent) => match supervisor::become_member(parent, &args.command).map_err(failed)? {},
        None => supervisor::supervise(&["supervisor".into(), "--parent".into()], &args.command).map_err(failed)?,
    }
    Ok(Exit::Pass)
}
