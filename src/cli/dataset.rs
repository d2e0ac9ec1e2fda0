//! `ticketcd dataset`.

use std::time::Duration;

use serde_json::{Value, json};
use ticketcd_judge::history::io_reason;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::output::print;
use super::progress_reporter::ProgressReporter;
use super::write_out::{WriteOut, to_json};
use super::{Exit, Failure};
use crate::dataset::{self, Dataset, DatasetError, LoadOptions, Target};
use crate::printable;
use crate::record::Sink;
use crate::report::numbers::count;
use crate::run::interrupt;
use crate::scenario::types;
use crate::terminal::{Screen, note};

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
        output: WriteOut,
        #[command(flatten)]
        connection: Connection,
    },
    /// Read the dataset back and compare every key with the expected value
    Verify {
        #[command(flatten)]
        shop: Shop,
        #[command(flatten)]
        output: WriteOut,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove every key under the prefix
    Clean {
        #[command(flatten)]
        output: WriteOut,
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
        Command::Load { shop, force, output, connection } => load(&shop, force, output, &connection, stop).await,
        Command::Verify { shop, output, connection } => verify(&shop, output, &connection, stop).await,
        Command::Clean { output, connection } => clean(output, &connection, stop).await,
    };
    watching.abort();
    result
}

async fn load(shop: &Shop, force: bool, output: WriteOut, connection: &Connection, stop: CancellationToken) -> Result<Exit, Failure> {
    let keys = connection.keyspace()?;
    let dataset = Dataset::generate(&shop.spec(), shop.seed, &keys).map_err(failure)?;
    let options = LoadOptions { force, ..LoadOptions::default() };
    let target = target(connection, stop).await?;
    let mut reporter = ProgressReporter::new("Writing");
    let loaded = dataset::load(&dataset, &target, options, |progress| reporter.show(progress)).await;
    reporter.finish();
    ended(loaded, output, |loaded| {
        let there = if loaded.skipped == 0 { String::new() } else { format!(", {} already existed", count(loaded.skipped as u64)) };
        let sentence = format!(
            "Wrote {} keys under {}{there}: {} users and {} events, seed {}.",
            count(loaded.written as u64),
            keys.prefix(),
            count(shop.users.into()),
            count(shop.events.into()),
            shop.seed
        );
        let Shop { users, events, seed, .. } = shop;
        let json = json!({
            "prefix": keys.prefix(), "written": loaded.written, "already_existed": loaded.skipped,
            "users": users, "events": events, "seed": seed,
        });
        (sentence, json)
    })
}

async fn verify(shop: &Shop, output: WriteOut, connection: &Connection, stop: CancellationToken) -> Result<Exit, Failure> {
    let keys = connection.keyspace()?;
    let dataset = Dataset::generate(&shop.spec(), shop.seed, &keys).map_err(failure)?;
    let target = target(connection, stop).await?;
    let mut reporter = ProgressReporter::new("Reading");
    let verified = dataset::verify(&dataset, &target, |progress| reporter.show(progress)).await;
    reporter.finish();
    ended(verified, output, |verified| {
        let sentence = format!(
            "All {} keys under {} match seed {}, at revision {}.",
            count(verified.keys as u64),
            keys.prefix(),
            shop.seed,
            verified.revision
        );
        let json = json!({
            "prefix": keys.prefix(), "matches": true, "keys": verified.keys, "seed": shop.seed, "revision": verified.revision,
        });
        (sentence, json)
    })
}

async fn clean(output: WriteOut, connection: &Connection, stop: CancellationToken) -> Result<Exit, Failure> {
    let keys = connection.keyspace()?;
    let target = target(connection, stop).await?;
    let mut reporter = ProgressReporter::new("Removing");
    let removed = dataset::clean(&keys, &target, |progress| reporter.show(progress)).await;
    reporter.finish();
    ended(removed, output, |removed| {
        let sentence = format!("Removed {} keys under {}.", count(removed as u64), keys.prefix());
        (sentence, json!({ "prefix": keys.prefix(), "removed": removed }))
    })
}

/// The cluster. Nothing is recorded.
async fn target(connection: &Connection, stop: CancellationToken) -> Result<Target, Failure> {
    Ok(Target { clients: connection.connect().await?, sink: Sink::discarding(), timeout: TIMEOUT, stop })
}

/// Prints what was done, in a sentence or as JSON.
fn ended<T>(result: Result<T, DatasetError>, output: WriteOut, done: impl FnOnce(T) -> (String, Value)) -> Result<Exit, Failure> {
    let show = |sentence: &str, json: &Value| match output.is_json() {
        true => print(&to_json(json)?),
        false => print(&format!("{}\n", Screen::of_stdout().message(sentence))),
    };
    match result {
        Ok(result) => {
            let (sentence, json) = done(result);
            show(&sentence, &json)
        }
        Err(mismatch @ DatasetError::Mismatch { .. }) => {
            let mismatch = mismatch.to_string();
            let json = json!({ "matches": false, "mismatch": mismatch });
            show(&format!("The dataset was modified: {}.", printable::text(&mismatch)), &json)?;
            Ok(Exit::Violation)
        }
        Err(interrupted @ DatasetError::Interrupted { .. }) => {
            note(format_args!("ticketcd: {interrupted}"));
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: DatasetError) -> Failure {
    match error {
        DatasetError::Unsuitable(_) | DatasetError::NoPrefix => Failure::Usage(error.to_string()),
        _ => Failure::NotCarriedOut(error.to_string()),
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
