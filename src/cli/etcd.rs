//! `ticketcd etcd`.

use clap::Subcommand;

use super::{Exit, Failure};
use crate::release::{self, Installed, ReleaseError};
use crate::terminal::{Screen, Table, note};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install a version into the cache
    ///
    /// Sources are the release archive, Debian packages and pip. None needs root or changes the system.
    Install {
        /// Version, such as 3.5.30, or latest for the newest known-good one
        version: String,
    },
    /// List the etcd binaries in TICKETCD_ETCD, on PATH and in the cache
    List {
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Install { version } => {
            note(format_args!("installing etcd {version} …"));
            let binary = if version == "latest" { release::install_newest()? } else { release::install(&version)? };
            if let Some(reason) = binary.known_bad {
                note(Screen::of_stderr().message(&format!("warning: etcd {} has a known defect: it {reason}", binary.version)));
            }
            super::output::print(&format!("{}\n", binary.path.display()))
        }
        Command::List { json } => {
            let installed = release::installed()?;
            if json {
                let text = serde_json::to_string_pretty(&installed).map_err(|error| Failure::Internal(error.to_string()))?;
                return super::output::print(&format!("{text}\n"));
            }
            if installed.is_empty() {
                note("no etcd found; install one with `ticketcd etcd install latest`");
            }
            super::output::print(&table(&installed))
        }
    }
}

fn table(installed: &[Installed]) -> String {
    let mut table = Table::new(&["VERSION", "STATE", "COMMIT", "GO", "PATH"]);
    for etcd in installed {
        let state = if etcd.known_bad.is_some() { "known bad" } else { "" };
        let path = etcd.path.display().to_string();
        table.row([etcd.version.to_string(), state.to_owned(), etcd.git_sha.to_string(), etcd.go_version.to_string(), path]);
    }
    table.render(Screen::of_stdout())
}

impl From<ReleaseError> for Failure {
    fn from(error: ReleaseError) -> Self {
        if error.is_usage() { Self::Usage(error.to_string()) } else { Self::NotCarriedOut(error.to_string()) }
    }
}
