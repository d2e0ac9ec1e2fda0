//! `ticketcd dataset`.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use ticketcd_judge::history::io_reason;

use super::connection::Connection;
use super::progress_reporter::ProgressReporter;
use super::{Exit, Failure};
use crate::dataset::{self, Dataset, DatasetError, LoadOptions, Target};
use crate::printable;
use crate::record::Sink;
use crate::report::numbers::count;
use crate::run::interrupt;
use crate::scenario::types;

/// How long a request may take: longer than etcd itself waits for an election.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write the dataset; resumes an interrupted load, and never overwrites other data unless forced
    Load {
        #[command(flatten)]
        shop: Shop,
        /// First remove everything under the prefix
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Read the dataset back and compare every key with the expected value
    Verify {
        #[command(flatten)]
        shop: Shop,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove every key under the prefix
    Clean {
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shop")]
struct Shop {
    /// Number of users
    #[arg(long, default_value_t = types::Dataset::default().users)]
    users: u32,

    /// Number of events
    #[arg(long, default_value_t = types::Dataset::default().events)]
    events: u32,

    /// Ticket types per event
    #[arg(long, default_value_t = types::Dataset::default().ticket_types)]
    ticket_types: u8,

    /// Tickets per type, drawn uniformly from this range
    #[arg(long, value_name = "MIN..MAX", default_value = "50..500", value_parser = stock)]
    stock: types::Stock,

    /// Seed; the same seed writes identical data
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Shop {
    fn spec(&self) -> types::Dataset {
        types::Dataset {
            users: self.users,
            events: self.events,
            ticket_types: self.ticket_types,
            stock: self.stock,
            ..types::Dataset::default()
        }
    }
}

/// A bound of `--stock` is not a number.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a number of tickets")]
struct NotANumber(String);

fn stock(text: &str) -> Result<types::Stock, NotANumber> {
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| NotANumber(text.to_owned()));
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    Ok(types::Stock { min: number(min)?, max: number(max.trim_start_matches('='))? })
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let stop = CancellationToken::new();
    let watching = interrupt::watch(stop.clone(), "finishing in-flight requests");
    let watching = watching.map_err(|error| Failure::Internal(format!("cannot watch for Ctrl-C: {}", io_reason(&error))))?;
    let result = match args.command {
        Command::Load { shop, force, connection } => load(&shop, force, &connection, stop).await,
        Command::Verify { shop, connection } => verify(&shop, &connection, stop).await,
        Command::Clean { connection } => clean(&connection, stop).await,
    };
    watching.abort();
    result
}

async fn load(shop: &Shop, force: bool, connection: &Connection, stop: CancellationToken) -> Result<Exit, Failure> {
    let keys = connection.keyspace()?;
    let dataset = Dataset::generate(&shop.spec(), shop.seed, &keys).map_err(failure)?;
    let options = LoadOptions { force, ..LoadOptions::default() };
    let target = target(connection, stop).await?;
    let mut reporter = ProgressReporter::new("Writing");
    let loaded = dataset::load(&dataset, &target, options, |progress| reporter.show(progress)).await;
    reporter.finish();
    ended(loaded, |loaded| {
        let there = if loaded.skipped == 0 { String::new() } else { format!(", {} already existed", count(loaded.skipped as u64)) };
        format!(
            "Wrote {} keys under {}{there}: {} users and {} events, seed {}.",
            count(loaded.written as u64),
            keys.prefix(),
            count(shop.users.into()),
            count(shop.events.into()),
            shop.seed
        )
    })
}

async fn verify(shop: &Shop, connection: &Connection, stop: CancellationToken) -> Result<Exit, Failure> {
    let keys = connection.keyspace()?;
    let dataset = Dataset::generate(&shop.spec(), shop.seed, &keys).map_err(failure)?;
    let target = target(connection, stop).await?;
    let mut reporter = ProgressReporter::new("Reading");
    let verified = dataset::verify(&dataset, &target, |progress| reporter.show(progress)).await;
    reporter.finish();
    ended(verified, |verified| {
        format!(
            "All {} keys under {} match seed {}, at revision {}.",
            count(verified.keys as u64),
            keys.prefix(),
            shop.seed,
            verified.revision
        )
    })
}

async fn clean(connection: &Connection, stop: CancellationToken) -> Result<Exit, Failure> {
    let keys = connection.keyspace()?;
    let target = target(connection, stop).await?;
    let mut reporter = ProgressReporter::new("Removing");
    let removed = dataset::clean(&keys, &target, |progress| reporter.show(progress)).await;
    reporter.finish();
    ended(removed, |removed| format!("Removed {} keys under {}.", count(removed as u64), keys.prefix()))
}

/// The cluster. Nothing is recorded.
async fn target(connection: &Connection, stop: CancellationToken) -> Result<Target, Failure> {
    Ok(Target { clients: connection.connect().await?, sink: Sink::discarding(), timeout: TIMEOUT, stop })
}

fn ended<T>(result: Result<T, DatasetError>, summary: impl FnOnce(T) -> String) -> Result<Exit, Failure> {
    match result {
        Ok(done) => {
            println!("{}", summary(done));
            Ok(Exit::Pass)
        }
        Err(mismatch @ DatasetError::Mismatch { .. }) => {
            println!("The dataset was modified: {}.", printable::text(&mismatch.to_string()));
            Ok(Exit::Violation)
        }
        Err(interrupted @ DatasetError::Interrupted { .. }) => {
            eprintln!("ticketcd: {interrupted}");
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: DatasetError) -> Failure {
    match error {
        DatasetError::Unsuitable(_) | DatasetError::NoPrefix => Failure::Usage(error.to_string()),
        _ => Failure::Invalid(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_a_range_or_a_number() {
        assert_eq!(stock("5..20").unwrap(), types::Stock { min: 5, max: 20 });
        assert_eq!(stock("5..=20").unwrap(), types::Stock { min: 5, max: 20 });
        assert_eq!(stock("7").unwrap(), types::Stock { min: 7, max: 7 });
        assert!(stock("many").is_err());
    }
}
