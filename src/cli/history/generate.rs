//! `ticketcd history generate`: a synthetic run of any size, valid or with one mutation.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueHint;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::run_info::RunInfo;
use ticketcd_synth::{Mutation, Size, Strategy, run_info, run_info_of, write_run};

use super::super::output::print;
use super::super::{Exit, Failure, offered};
use crate::report::numbers::{counted, seconds};
use crate::report::synthetic;
use crate::run::directory;
use crate::scenario::types::Strategy as PurchaseStrategy;
use crate::scenario::{Scenario, nearest};
use crate::terminal::{Screen, Table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Number of requests
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    operations: u64,
    /// Number of tickets; the first is the most contended
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tickets: u32,
    /// Number of concurrent buyers
    #[arg(long, value_name = "B", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    buyers: u32,
    /// Seed; the same seed generates identical files
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Violate one promise with this mutation; `list` prints all mutations
    #[arg(long, alias = "plant", value_name = "NAME", value_parser = offered::mutation(), hide_possible_values = true)]
    mutation: Option<String>,
    /// The purchase strategy: optimistic, sharded, hold, lock or fenced-lock; by default the one that the mutation needs
    #[arg(long, value_name = "NAME", value_parser = offered::synthetic_strategy(), hide_possible_values = true)]
    strategy: Option<String>,
    /// Write to this directory, which must be new or empty
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, required_unless_present_any = ["mutation"])]
    out: Option<PathBuf>,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    let mutation = match args.mutation.as_deref() {
        Some("list") => return print(&list(Screen::of_stdout())),
        Some(name) => Some(name.parse::<Mutation>().map_err(|_| unknown(name))?),
        None => None,
    };
    let strategy = strategy(args.strategy.as_deref(), mutation)?;
    let Some(out) = &args.out else { return Err(Failure::Usage("pass a new or empty directory with --out".to_owned())) };
    let directory = directory::create(out).map_err(|error| Failure::Usage(error.to_string()))?;
    let size = Size { operations: args.operations, tickets: args.tickets, buyers: args.buyers, seed: args.seed };
    let began = Instant::now();

    let scenario = scenario(&size, strategy, mutation).to_toml();
    let unwritable = |error: std::io::Error| Failure::Usage(format!("cannot write to {}: {}", directory.display(), io_reason(&error)));
    fs::write(RunDir::new(&directory).scenario(), &scenario).map_err(unwritable)?;
    let mut info = RunInfo { expect: run_info(&size, mutation).expect, ..run_info_of(&size, strategy) };
    info.scenario_sha256 = crate::scenario::fingerprint(&scenario);
    info.etcd.path = synthetic::origin(&command(&size, strategy, mutation));
    let made = write_run(&directory, &info, &size, mutation).map_err(|error| Failure::Usage(error.to_string()))?;

    let mutated =
        mutation.map_or_else(String::new, |mutation| format!(" with the mutation {mutation}, which {} must detect", mutation.check()));
    print(&format!(
        "{} in {} and {}, {} sold{mutated}: {} (seed {}, {})\nCheck it with: ticketcd check {}\n",
        counted(made.operations, "operation"),
        counted(made.events, "event"),
        counted(made.revision.unsigned_abs(), "revision"),
        counted(made.sold, "order"),
        out.display(),
        size.seed,
        seconds(began.elapsed().as_secs_f64()),
        out.display(),
    ))
}

/// The command that generates the same run again, without --out.
fn command(size: &Size, strategy: Strategy, mutation: Option<Mutation>) -> String {
    let Size { operations, tickets, buyers, seed } = size;
    let mutated = mutation.map_or_else(String::new, |mutation| format!(" --mutation {mutation}"));
    // A mutation determines its strategy.
    let bought = if mutation.is_none() && strategy != Strategy::default() { format!(" --strategy {strategy}") } else { String::new() };
    format!("ticketcd history generate --operations {operations} --tickets {tickets} --buyers {buyers} --seed {seed}{mutated}{bought}")
}

/// The mutations, a line each.
fn list(screen: Screen) -> String {
    let mut table = Table::new(&["", ""]);
    for mutation in Mutation::all() {
        table.row([mutation.name().to_owned(), format!("{} Detected by {}.", mutation.sentence(), mutation.check())]);
    }
    table.render(screen)
}

/// The strategy of --strategy, or the one that the mutation needs.
fn strategy(name: Option<&str>, mutation: Option<Mutation>) -> Result<Strategy, Failure> {
    let needed = mutation.map(Mutation::strategy);
    let Some(name) = name else { return Ok(needed.unwrap_or_default()) };
    let strategy = name.parse::<Strategy>().map_err(|_| {
        let names = Strategy::ALL.map(Strategy::name);
        let hint = nearest(name, names).map_or_else(String::new, |near| format!(" Did you mean {near}?"));
        Failure::Usage(format!("--strategy: {name:?} is not a strategy of synthetic runs, which are {}.{hint}", names.join(", ")))
    })?;
    match mutation.zip(needed) {
        Some((mutation, needed)) if needed != strategy => {
            Err(Failure::Usage(format!("--strategy: the mutation {mutation} needs the strategy {needed}, not {strategy}.")))
        }
        _ => Ok(strategy),
    }
}

fn unknown(name: &str) -> Failure {
    let hint = nearest(name, Mutation::all().map(Mutation::name)).map_or_else(String::new, |near| format!(" Did you mean {near}?"));
    Failure::Usage(format!("--mutation: {name:?} is not a mutation.{hint} `--mutation list` prints all."))
}

/// A scenario that describes a run of this size.
fn scenario(size: &Size, strategy: Strategy, mutation: Option<Mutation>) -> Scenario {
    let mut scenario = Scenario::new("generated");
    let with = mutation.map_or_else(String::new, |mutation| format!(", with the mutation {mutation}"));
    let (operations, tickets) = (counted(size.operations, "operation"), counted(size.tickets.into(), "ticket"));
    scenario.description = format!("Synthetic: {operations} on {tickets} by {}{with}.", counted(size.buyers.into(), "buyer"));
    scenario.expect = mutation.map(|mutation| format!("violation:{}", mutation.check()));
    scenario.load.buyers = size.buyers;
    // Synthetic strategies have the names of the real ones.
    if let Some(strategy) = PurchaseStrategy::with_defaults(strategy.name()) {
        scenario.load.strategy = strategy;
    }
    scenario.dataset.events = size.tickets.div_ceil(2);
    scenario.dataset.ticket_types = if size.tickets == 1 { 1 } else { 2 };
    scenario
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_mutation_gets_the_nearest_offered() {
        let Failure::Usage(text) = unknown("over-sell") else { panic!() };
        assert!(text.contains("Did you mean oversell?"), "{text}");
        assert!(list(Screen::none()).lines().count() == Mutation::all().count());
    }

    #[test]
    fn a_strategy_that_the_mutation_does_not_need_is_refused() {
        assert!(matches!(strategy(None, Some(Mutation::EarlyRelease)), Ok(Strategy::Hold)));
        assert!(matches!(strategy(Some("sharded"), None), Ok(Strategy::Sharded)));
        let Err(Failure::Usage(text)) = strategy(Some("lock"), Some(Mutation::EarlyRelease)) else { panic!() };
        assert!(text.contains("early-release needs the strategy hold"), "{text}");
        let Err(Failure::Usage(text)) = strategy(Some("shard"), None) else { panic!() };
        assert!(text.contains("Did you mean sharded?"), "{text}");
    }
}
