//! `ticketcd scenario`.

use clap::{Subcommand, ValueHint};

use super::{Exit, Failure, offered};
use crate::scenario::metric::Metric;
use crate::scenario::{self, ScenarioError};
use crate::terminal::{Screen, Table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the built-in scenarios
    List,
    /// List the metrics that objectives can use
    Metrics,
    /// Print a scenario: its file, or with --resolved every key that is in effect
    Show {
        /// Name of a built-in scenario or path of a scenario file
        #[arg(value_parser = offered::scenario(), hide_possible_values = true, value_hint = ValueHint::FilePath)]
        scenario: String,
        /// Override a key, such as load.buyers=500; implies --resolved
        #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
        overrides: Vec<String>,
        /// Include defaults and overrides
        #[arg(long)]
        resolved: bool,
    },
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::List => super::output::print(&list()?),
        Command::Metrics => super::output::print(&metrics()),
        Command::Show { scenario, overrides, resolved } => {
            // The file is validated first: errors are reported instead of printing it.
            let loaded = scenario::load(&scenario, &overrides)?;
            if resolved || !overrides.is_empty() {
                super::output::print(&loaded.to_resolved_toml())
            } else {
                super::output::print(&scenario::Source::find(&scenario)?.text)
            }
        }
    }
}

fn list() -> Result<String, Failure> {
    let mut table = Table::new(&["", ""]);
    for embedded in scenario::library() {
        let loaded = scenario::parse(embedded.name, embedded.text)?;
        table.row([embedded.name.to_owned(), loaded.description]);
    }
    Ok(table.render(Screen::of_stdout()))
}

fn metrics() -> String {
    let screen = Screen::of_stdout();
    let mut text = String::new();
    for (name, sentence) in Metric::descriptions() {
        text.push_str(&format!("{name}\n{}", screen.wrapped("    ", &sentence)));
    }
    let rule = "An objective is met when its metric is below a time (\"250ms\"), above a number (1000) or below a share (\"5%\"), for \
                example:";
    text.push_str(&format!("\n{}\n", screen.wrapped("", rule)));
    text.push_str(
        "[[objective]]\nmetric = \"purchase.response.p99\"\nphase = \"after fault 1\"   # \"steady\", the whole load, when it is left out\n\
         below = \"250ms\"\n",
    );
    text
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::Scenario(Box::new(error))
    }
}
