//! `ticketcd scenario`.

use clap::Subcommand;

use super::{Exit, Failure};
use crate::scenario::{self, ScenarioError};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the scenarios that come with the program
    List,
    /// Print a scenario: its file, or with --resolved what is really run
    Show {
        /// A scenario's name or path
        scenario: String,
        /// Change a key, such as load.buyers=500; implies --resolved
        #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
        overrides: Vec<String>,
        /// Write out the defaults too
        #[arg(long)]
        resolved: bool,
    },
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::List => super::output::print(&list()?),
        Command::Show { scenario, overrides, resolved } => {
            // What is shown has been checked: a file with a mistake is told instead.
            let loaded = scenario::load(&scenario, &overrides)?;
            if resolved || !overrides.is_empty() {
                super::output::print(&loaded.to_toml())
            } else {
                super::output::print(&scenario::Source::find(&scenario)?.text)
            }
        }
    }
}

fn list() -> Result<String, Failure> {
    let width = scenario::library().iter().map(|embedded| embedded.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for embedded in scenario::library() {
        let loaded = scenario::parse(embedded.name, embedded.text)?;
        text.push_str(&format!("{:width$}  {}\n", embedded.name, loaded.description));
    }
    Ok(text)
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::Usage(error.render_for_stderr())
    }
}
