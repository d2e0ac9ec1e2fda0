//! `ticketcd run`: run a scenario.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use crate::run::{self, RunOptions};
use crate::scenario;

use super::matrix::compare;
use super::outcome::{Judged, conclude};
use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A scenario that comes with the program (`ticketcd scenario list`), or the path of a scenario file
    scenario: String,
    #[command(flatten)]
    flags: RunFlags,
    #[command(flatten)]
    judged: Judged,
}

/// Flags of every command that runs a scenario.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct RunFlags {
    /// Draw the plan from this seed; without it, from a new one
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write to this directory, which must be new or empty [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run this etcd: an installed or installable version, or the path of a binary; several make a matrix
    #[arg(long, value_name = "VERSION|PATH", value_delimiter = ',')]
    pub etcd: Vec<String>,
    /// Buy with this strategy; several make a matrix
    #[arg(long, value_delimiter = ',')]
    pub strategy: Vec<String>,
    /// Change a key of the scenario: --set load.buyers=500
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub overrides: Vec<String>,
    /// Stop the load as soon as a check that runs meanwhile finds a violation
    #[arg(long)]
    pub fail_fast: bool,
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    sell(&args.scenario, &args.flags, &args.judged).await
}

/// Runs a scenario and shows how it ended.
pub(super) async fn sell(name: &str, flags: &RunFlags, judged: &Judged) -> Result<Exit, Failure> {
    let seed = flags.seed.unwrap_or_else(new_seed);
    if flags.strategy.len() > 1 || flags.etcd.len() > 1 {
        return compare(name, flags, seed, judged).await;
    }
    let first = |values: &'_ [String]| values.first().cloned();
    let overrides = overrides(flags, first(&flags.strategy).as_deref(), first(&flags.etcd).as_deref());
    let scenario = scenario::load(name, &overrides)?;
    let options = RunOptions { scenario, seed, directory: flags.out.clone(), fail_fast: flags.fail_fast };
    let finished = run::run(options).await?;
    conclude(&finished.result, &finished.directory, judged)
}

/// Flags are shorthands for keys, so that they are checked like keys and end up in the resolved scenario.
pub(super) fn overrides(flags: &RunFlags, strategy: Option<&str>, etcd: Option<&str>) -> Vec<String> {
    let mut overrides = flags.overrides.clone();
    overrides.extend(strategy.map(|strategy| format!("load.strategy={strategy:?}")));
    overrides.extend(etcd.map(|etcd| format!("cluster.etcd={etcd:?}")));
    overrides
}

/// A seed nobody chose. Short, because people type it.
fn new_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) % 1_000_000
}
