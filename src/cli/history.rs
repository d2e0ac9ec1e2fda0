//! `ticketcd history`.

mod generate;
mod pack;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum, ValueHint};
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::reader::HistoryReader;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_synth::guide::{self, GuideError};

use super::{Exit, Failure};
use crate::printable;
use crate::report::flaws;
use crate::terminal::note;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print recorded events as JSON lines
    Cat(Cat),
    /// Import JSON lines, as printed by cat, into a run directory
    Pack(pack::Args),
    /// Generate a synthetic run of any size to test the checks: valid, or with one mutation
    Generate(generate::Args),
    /// Print a reference of all anomalies: guarantee, example and impact (Markdown)
    Anomalies,
}

#[derive(Debug, clap::Args)]
struct Cat {
    /// Run directory
    #[arg(value_hint = ValueHint::DirPath)]
    run_dir: PathBuf,
    /// Print only events of these kinds, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    kind: Vec<Kind>,
}

/// The kinds of events, by the names they have in the printed lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    Phase,
    OrderPlaced,
    OrderClosed,
    QueryClosed,
    Invoke,
    Return,
    WatchOpened,
    WatchBatch,
    WatchClosed,
    Fault,
    Member,
    Sample,
    Load,
    Calibrated,
    AuditPage,
    AuditClosed,
    WorkerClosed,
    Invalid,
    Ended,
    CancelPlaced,
    ProgressRequested,
    StreamProgress,
    Metrics,
    Host,
}

impl From<&Event> for Kind {
    fn from(event: &Event) -> Self {
        match event {
            Event::Phase(_) => Self::Phase,
            Event::OrderPlaced(_) => Self::OrderPlaced,
            Event::OrderClosed(_) => Self::OrderClosed,
            Event::QueryClosed(_) => Self::QueryClosed,
            Event::Invoke(_) => Self::Invoke,
            Event::Return(_) => Self::Return,
            Event::WatchOpened(_) => Self::WatchOpened,
            Event::WatchBatch(_) => Self::WatchBatch,
            Event::WatchClosed(_) => Self::WatchClosed,
            Event::Fault(_) => Self::Fault,
            Event::Member(_) => Self::Member,
            Event::Sample(_) => Self::Sample,
            Event::Load(_) => Self::Load,
            Event::Calibrated(_) => Self::Calibrated,
            Event::AuditPage(_) => Self::AuditPage,
            Event::AuditClosed(_) => Self::AuditClosed,
            Event::WorkerClosed(_) => Self::WorkerClosed,
            Event::Invalid(_) => Self::Invalid,
            Event::Ended(_) => Self::Ended,
            Event::CancelPlaced(_) => Self::CancelPlaced,
            Event::ProgressRequested(_) => Self::ProgressRequested,
            Event::StreamProgress(_) => Self::StreamProgress,
            Event::Metrics(_) => Self::Metrics,
            Event::Host(_) => Self::Host,
        }
    }
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Cat(cat) => cat_events(&cat),
        Command::Pack(args) => pack::execute(&args),
        Command::Generate(args) => generate::execute(args),
        Command::Anomalies => print_guide(),
    }
}

fn print_guide() -> Result<Exit, Failure> {
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::NotCarriedOut(format!("cannot create a directory for synthetic runs: {}", io_reason(&error))))?;
    match guide::page(scratch.path()) {
        Ok(page) => super::output::print(&page),
        // A check that does not find what it is for: the page would teach something wrong.
        Err(error @ GuideError::NotFound { .. }) => Err(Failure::Internal(error.to_string())),
        Err(error) => Err(Failure::NotCarriedOut(error.to_string())),
    }
}

fn cat_events(cat: &Cat) -> Result<Exit, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let run = RunDir::new(&cat.run_dir);
    // A directory of a newer version is refused by its format version, before any event is read.
    run.read_info().map_err(|error| usage(&error))?;
    let mut history = HistoryReader::open(&run.history()).map_err(|error| usage(&error))?;
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut ended_seen = false;
    for event in &mut history {
        let event = event.map_err(|error| usage(&error))?;
        ended_seen |= matches!(event, Event::Ended(_));
        if (cat.kind.is_empty() || cat.kind.contains(&Kind::from(&event)))
            && let Err(error) = print(&mut output, &event)
        {
            return ended(&error);
        }
    }
    if let Err(error) = output.flush() {
        return ended(&error);
    }
    for flaw in history.tail().flaws(&cat.run_dir) {
        note(format_args!("ticketcd: {}", flaws::describe(&flaw, ended_seen)));
    }
    Ok(Exit::Pass)
}

fn print(output: &mut impl Write, event: &Event) -> io::Result<()> {
    let line = serde_json::to_string(event)?;
    writeln!(output, "{}", printable::json(&line))
}

/// A closed pipe is not an error: its reader has read enough.
fn ended(error: &io::Error) -> Result<Exit, Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(Exit::Pass),
        _ => Err(Failure::NotCarriedOut(format!("cannot write the events: {}", io_reason(error)))),
    }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::event::Ended;

    use super::*;

    #[test]
    fn kinds_have_the_names_of_the_printed_lines() {
        let event = Event::Ended(Ended { at: 1, interrupted: false });
        let mut line = Vec::new();
        print(&mut line, &event).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), "{\"ended\":{\"at\":1,\"interrupted\":false}}\n");
        assert_eq!(Kind::from(&event).to_possible_value().unwrap().get_name(), "ended");
    }
}
