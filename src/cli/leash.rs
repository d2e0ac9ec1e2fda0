//! `ticketcd leash`: not for people; see [`crate::cluster::leash`].

use std::ffi::OsString;

use super::{Exit, Failure};
use crate::cluster::leash;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Become the command, on the leash of this process.
    #[arg(long)]
    parent: Option<u32>,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        Failure::Invalid(format!(
            "cannot run {}: {error}",
            args.command.first().map(|program| program.display().to_string()).unwrap_or_default()
        ))
    };
    match args.parent {
        Some(parent) => match leash::become_member(parent, &args.command).map_err(failed)? {},
        None => leash::hold(&["leash".into(), "--parent".into()], &args.command).map_err(failed)?,
    }
    Ok(Exit::Pass)
}
