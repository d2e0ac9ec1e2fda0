//! The command line: one file per command.

mod buy;
mod check;
mod cluster;
mod compare;
mod completions;
mod connection;
mod dataset;
mod demo;
mod etcd;
mod exit;
mod exit_codes;
mod history;
mod hunt;
mod line_limit;
mod man;
mod matrix;
mod offered;
mod outcome;
mod output;
mod progress_reporter;
mod query;
mod report;
mod rerun;
mod run;
mod run_flags;
mod scenario;
mod schema;
mod serve;
mod shop_session;
mod supervisor;
mod write_out;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use exit::{Exit, Failure};

use nix::sys::stat::{Mode, umask};
use ticketcd_judge::history::io_reason;

use crate::terminal::Screen;

/// Load testing and consistency verification for etcd
///
/// Runs a ticket shop on a real etcd cluster, injects faults under load, records everything, and verifies the recorded
/// history: no ticket oversold, no order lost, revenue exact, no stale read, all members identical.
///
/// Start with `ticketcd demo`.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show three short runs: an oversell, the same seed with a safe strategy, and sales while the leader is killed
    Demo(demo::Args),
    /// Run a scenario, given by name or as a file
    Run(run::Args),
    /// Repeat the run of a run directory: same scenario, same seed, new run
    Rerun(rerun::Args),
    /// Run random scenarios from one seed, to find etcd bugs and false alarms of the checks
    Hunt(hunt::Args),
    /// Check a recorded run again, without a cluster
    Check(check::Args),
    /// Compare runs: what changed, and how sure that is
    Compare(compare::Args),
    /// Write the report of a recorded run again: report.html and the other files
    Report(report::Args),
    /// Browse the reports of all runs of a directory, on this machine only
    Serve(serve::Args),
    /// List the built-in scenarios, or show one
    Scenario(scenario::Args),
    /// Write, verify or remove the shop's dataset on an existing cluster
    Dataset(dataset::Args),
    /// Query the shop on an existing cluster: a user's purchases, revenue by event type, events
    Query(query::Args),
    /// Buy tickets for an event in one guarded transaction
    Buy(buy::Args),
    /// Start a local cluster in the foreground
    Cluster(cluster::Args),
    /// Install or list etcd binaries
    Etcd(etcd::Args),
    /// Print or import recorded events, generate synthetic runs, list anomalies
    History(history::Args),
    /// Print the JSON Schema of a file format
    Schema(schema::Args),
    /// Print a shell completion script
    Completions(completions::Args),
    /// Print the manual page, or write a page for each command
    Man(man::Args),
    /// Supervise a child process: end it when our end of the pipe closes
    #[command(hide = true)]
    Supervisor(supervisor::Args),
}

impl Command {
    /// Whether its files and processes are those of runs. Installed binaries may serve every user of a machine.
    fn keeps_records(&self) -> bool {
        !matches!(self, Self::Etcd(_) | Self::Schema(_) | Self::Completions(_) | Self::Man(_))
    }
}

impl Cli {
    /// The command line of this process, its help laid out for the terminal.
    ///
    /// # Errors
    /// What is wrong with it; or the help or the version, which are to be printed instead.
    pub fn of_arguments() -> Result<Self, clap::Error> {
        let mut command = Self::laid_out_for(Screen::of_stdout());
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// The definition of the command line.
    fn definition() -> clap::Command {
        <Self as CommandFactory>::command()
    }

    /// The same, with the exit codes in the help.
    fn laid_out_for(screen: Screen) -> clap::Command {
        let mut command = Self::definition();
        let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
        for name in names {
            if let Some(codes) = exit_codes::of_command(&name) {
                command = command.mut_subcommand(name, |below| below.after_help(exit_codes::section(codes, screen)));
            }
        }
        match exit_codes::of_command(command.get_name()) {
            Some(codes) => command.after_help(exit_codes::section(codes, screen)),
            None => command,
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// When the command failed; the failure has an exit code.
    pub fn execute(self) -> Result<Exit, Failure> {
        if self.command.keeps_records() {
            // Run directories, members' data and their sockets are for their owner alone, and so is what a supervised etcd writes.
            umask(Mode::S_IRWXG | Mode::S_IRWXO);
        }
        exit::guarded(|| self.dispatch())
    }

    fn dispatch(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Supervisor(args) => supervisor::execute(args),
            Command::Scenario(args) => scenario::execute(args),
            Command::Schema(args) => schema::execute(args),
            Command::Completions(args) => completions::execute(args),
            Command::Man(args) => man::execute(&args),
            Command::Check(args) => check::execute(args),
            Command::Compare(args) => compare::execute(&args),
            Command::Report(args) => report::execute(&args),
            Command::Serve(args) => block_on(serve::execute(args)),
            Command::History(args) => history::execute(args),
            Command::Etcd(args) => etcd::execute(args),
            Command::Demo(args) => block_on(demo::execute(args)),
            Command::Run(args) => block_on(run::execute(args)),
            Command::Rerun(args) => block_on(rerun::execute(args)),
            Command::Hunt(args) => block_on(hunt::execute(args)),
            Command::Dataset(args) => block_on(dataset::execute(args)),
            Command::Query(args) => block_on(query::execute(args)),
            Command::Buy(args) => block_on(buy::execute(args)),
            Command::Cluster(args) => block_on(cluster::execute(args)),
        }
    }
}

fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Internal(format!("cannot start the runtime: {}", io_reason(&error))))?.block_on(work)
}
