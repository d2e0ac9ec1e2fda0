//! `ticketcd run`: run a scenario.

use std::hash::{BuildHasher, RandomState};

use clap::ValueHint;

use crate::run::{self, RunOptions};
use crate::scenario;
use crate::terminal::{Screen, note};

use super::matrix::compare;
use super::outcome::{Judged, conclude};
use super::report::refresh_index;
use super::run_flags::RunFlags;
use super::{Exit, Failure, offered};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of a built-in scenario (`ticketcd scenario list`) or path of a scenario file
    #[arg(value_parser = offered::scenario(), hide_possible_values = true, value_hint = ValueHint::FilePath)]
    scenario: String,
    #[command(flatten)]
    flags: RunFlags,
    #[command(flatten)]
    judged: Judged,
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
    let overrides = flags.overrides(first(&flags.strategy).as_deref(), first(&flags.etcd).as_deref());
    let mut scenario = scenario::load(name, &overrides)?;
    flags.fit(&mut scenario, 1)?;
    for sentence in scenario.advice() {
        note(Screen::of_stderr().message(&format!("note: {sentence}")));
    }
    let options = RunOptions { scenario, seed, directory: flags.out.clone(), fail_fast: flags.fail_fast };
    let finished = run::run(options).await?;
    if let (None, Some(parent)) = (&flags.out, finished.directory.parent()) {
        refresh_index(parent);
    }
    conclude(&finished.result, &finished.directory, judged)
}

/// A random seed, short enough to type.
pub(super) fn new_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) % 1_000_000
}
