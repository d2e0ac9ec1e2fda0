//! The command line: one file per command.

mod buy;
mod check;
mod cluster;
mod completions;
mod connection;
mod dataset;
mod demo;
mod etcd;
mod exit;
mod history;
mod hunt;
mod matrix;
mod outcome;
mod output;
mod progress_reporter;
mod query;
mod rerun;
mod run;
mod run_flags;
mod scenario;
mod schema;
mod shop_session;
mod supervisor;
mod table;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};

/// What a verdict exits with. A violation dominates everything.
const EXIT_CODES: &str = "\
Exit codes:
  0    pass          every promise was kept, and there was evidence enough to say so
  1    violation     a promise was broken
  2    unknown       nothing speaks against it, but there is not evidence enough
  3    objective     correct, but an objective was missed
  4    invalid       the run says nothing: never healthy, load not offered, fault not applied; or what was asked for
                     could not be done: no etcd to be had, the record or the output cannot be written
  5    unexpected    not what --expect said; what came instead stands before the last line
  64   usage         the command line or the scenario is wrong; nothing was changed
  70   internal      a defect of ours
  130  interrupted   what was recorded is judged all the same";

/// How fast can this etcd cluster sell tickets, and does it stay correct while things break?
///
/// Sells tickets on a real etcd cluster while it injects faults, records everything, and proves or refutes from the
/// record that no ticket was oversold, no order lost and no revenue missing.
///
/// Start with `ticketcd demo`.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Three acts in a minute: an oversell, the same seed sold safely, and a sale while the leader is killed
    Demo(demo::Args),
    /// Run a scenario: by name, or from a file
    #[command(after_help = EXIT_CODES)]
    Run(run::Args),
    /// Run again what a run directory records: same scenario, same seed, new run
    Rerun(rerun::Args),
    /// Run random scenarios drawn from one seed, to find defects of etcd and false alarms of the checks
    #[command(after_help = EXIT_CODES)]
    Hunt(hunt::Args),
    /// Judge a run directory again, without a cluster
    Check(check::Args),
    /// List the scenarios that come with the program, or show one
    Scenario(scenario::Args),
    /// Write, verify or remove the shop's dataset on a cluster you name
    Dataset(dataset::Args),
    /// Ask the shop on a cluster you name: what a user bought, what an event type brought in, what is on
    Query(query::Args),
    /// Buy tickets of an event, in one guarded transaction, from wherever its stock is kept
    #[command(after_help = buy::EXIT_CODES)]
    Buy(buy::Args),
    /// Start a cluster in the foreground, to look at
    Cluster(cluster::Args),
    /// Install or list etcd binaries
    Etcd(etcd::Args),
    /// Print what a run recorded, for other programs, or make up a run
    History(history::Args),
    /// Print the JSON Schema of scenarios, results, matrices or hunts
    Schema(schema::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Supervise a process of ours: end it when our end of the pipe closes
    #[command(hide = true)]
    Supervisor(supervisor::Args),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// When it could not do what it was asked; the failure knows its exit code.
    pub fn execute(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Supervisor(args) => supervisor::execute(args),
            Command::Scenario(args) => scenario::execute(args),
            Command::Schema(args) => schema::execute(args),
            Command::Completions(args) => completions::execute(args),
            Command::Check(args) => check::execute(args),
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
    runtime.map_err(|error| Failure::Internal(format!("cannot start the runtime: {error}")))?.block_on(work)
}
