//! `ticketcd leash`: not for people; see [`crate::cluster::leash`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Exit, Failure};
use crate::cluster::leash;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Become the command, on the leash of this process.
    #[arg(long)]
    parent: Option<u32>,
    /// What to remove when the harness is gone: the member's directory.
    #[arg(long, required_unless_present = "parent")]
    directory: Option<PathBuf>,
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
        None => leash::hold(args.directory.as_deref().unwrap_or(Path::new("")), &["leash".into(), "--parent".into()], &args.command)
            .map_err(failed)?,
    }
    Ok(Exit::Pass)
}
