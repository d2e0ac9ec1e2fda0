//! `ticketcd history generate`: a synthetic run of any size, valid or with one planted violation.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use ticketcd_judge::generate::{Plant, Size, Strategy, run_info, run_info_of, write_run};
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::run_info::RunInfo;

use super::super::output::print;
use super::super::{Exit, Failure};
use crate::report::numbers::{counted, seconds};
use crate::report::synthetic;
use crate::run::directory;
use crate::scenario::types::StrategyName;
use crate::scenario::{Scenario, nearest};

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
    /// Plant one violation of this kind; `list` prints the kinds
    #[arg(long, value_name = "KIND")]
    plant: Option<String>,
    /// Purchase strategy: optimistic, sharded, hold, lock or fenced-lock [default: the one that the planted violation needs]
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Output directory, must be new or empty
    #[arg(long, value_name = "DIR", required_unless_present_any = ["plant"])]
    out: Option<PathBuf>,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    let plant = match args.plant.as_deref() {
        Some("list") => return print(&list()),
        Some(name) => Some(name.parse::<Plant>().map_err(|_| unknown(name))?),
        None => None,
    };
    let strategy = strategy(args.strategy.as_deref(), plant)?;
    let Some(out) = &args.out else { return Err(Failure::Usage("pass a new or empty directory with --out".to_owned())) };
    let directory = directory::create(out).map_err(|error| Failure::Usage(error.to_string()))?;
    let size = Size { operations: args.operations, tickets: args.tickets, buyers: args.buyers, seed: args.seed };
    let began = Instant::now();

    let scenario = scenario(&size, strategy, plant).to_toml();
    let unwritable = |error: std::io::Error| Failure::Usage(format!("cannot write to {}: {error}", directory.display()));
    fs::write(RunDir::new(&directory).scenario(), &scenario).map_err(unwritable)?;
    let mut info = RunInfo { expect: run_info(&size, plant).expect, ..run_info_of(&size, strategy) };
    info.scenario_sha256 = crate::scenario::fingerprint(&scenario);
    info.etcd.path = synthetic::origin(&command(&size, strategy, plant));
    let made = write_run(&directory, &info, &size, plant).map_err(|error| Failure::Usage(error.to_string()))?;

    let planted = plant.map_or_else(String::new, |plant| format!(" with {plant} planted, which {} must report", plant.check()));
    print(&format!(
        "{} in {} and {}, {} sold{planted}: {} (seed {}, {})\nCheck it with: ticketcd check {}\n",
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

/// The command that makes the same run again, but for where it is written to.
fn command(size: &Size, strategy: Strategy, plant: Option<Plant>) -> String {
    let Size { operations, tickets, buyers, seed } = size;
    let planted = plant.map_or_else(String::new, |plant| format!(" --plant {plant}"));
    // What is planted names its strategy.
    let bought = if plant.is_none() && strategy != Strategy::default() { format!(" --strategy {strategy}") } else { String::new() };
    format!("ticketcd history generate --operations {operations} --tickets {tickets} --buyers {buyers} --seed {seed}{planted}{bought}")
}

/// The kinds, a line each.
fn list() -> String {
    let mut text = String::new();
    for plant in Plant::all() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:<24} {} Reported by {}.", plant.name(), plant.sentence(), plant.check());
    }
    text
}

/// The strategy that is asked for, or that what is planted needs.
fn strategy(name: Option<&str>, plant: Option<Plant>) -> Result<Strategy, Failure> {
    let needed = plant.map(Plant::strategy);
    let Some(name) = name else { return Ok(needed.unwrap_or_default()) };
    let strategy = name.parse::<Strategy>().map_err(|_| {
        let names = Strategy::ALL.map(Strategy::name);
        let hint = nearest(name, names).map_or_else(String::new, |near| format!(" Did you mean {near}?"));
        Failure::Usage(format!("--strategy: synthetic runs support {}, not {name:?}.{hint}", names.join(", ")))
    })?;
    match plant.zip(needed) {
        Some((plant, needed)) if needed != strategy => {
            Err(Failure::Usage(format!("--strategy: {plant} needs the strategy {needed}, not {strategy}.")))
        }
        _ => Ok(strategy),
    }
}

fn unknown(name: &str) -> Failure {
    let hint = nearest(name, Plant::all().map(Plant::name)).map_or_else(String::new, |near| format!(" Did you mean {near}?"));
    Failure::Usage(format!("--plant: {name:?} is no kind of violation that can be planted.{hint} `--plant list` names them all."))
}

/// The scenario that a run of this size might have been.
fn scenario(size: &Size, strategy: Strategy, plant: Option<Plant>) -> Scenario {
    let mut scenario = Scenario::new("generated");
    let with = plant.map_or_else(String::new, |plant| format!(", with {plant} planted"));
    let (operations, tickets) = (counted(size.operations, "operation"), counted(size.tickets.into(), "ticket"));
    scenario.description = format!("Made up: {operations} on {tickets} by {}{with}.", counted(size.buyers.into(), "buyer"));
    scenario.expect = plant.map(|plant| format!("violation:{}", plant.check()));
    scenario.load.buyers = size.buyers;
    scenario.load.strategy = match strategy {
        Strategy::Optimistic => StrategyName::Optimistic,
        Strategy::Sharded => StrategyName::Sharded,
        Strategy::Hold => StrategyName::Hold,
        Strategy::Lock => StrategyName::Lock,
        Strategy::FencedLock => StrategyName::FencedLock,
    };
    scenario.dataset.events = size.tickets.div_ceil(2);
    scenario.dataset.ticket_types = if size.tickets == 1 { 1 } else { 2 };
    scenario
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_none_gets_the_nearest_offered() {
        let Failure::Usage(text) = unknown("over-sell") else { panic!() };
        assert!(text.contains("Did you mean oversell?"), "{text}");
        assert!(list().lines().count() == Plant::all().count());
    }

    #[test]
    fn a_strategy_that_cannot_have_what_is_planted_is_refused() {
        assert!(matches!(strategy(None, Some(Plant::EarlyRelease)), Ok(Strategy::Hold)));
        assert!(matches!(strategy(Some("sharded"), None), Ok(Strategy::Sharded)));
        let Err(Failure::Usage(text)) = strategy(Some("lock"), Some(Plant::EarlyRelease)) else { panic!() };
        assert!(text.contains("early-release needs the strategy hold, not lock"), "{text}");
        let Err(Failure::Usage(text)) = strategy(Some("shard"), None) else { panic!() };
        assert!(text.contains("Did you mean sharded?"), "{text}");
    }
}
