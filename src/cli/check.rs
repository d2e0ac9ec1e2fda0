//! `ticketcd check`: judge a run directory again, or a history of another tool, without a cluster.

mod imported;
mod remedy;

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use crate::report::{self, RunResult};
use crate::scenario::units::Span;

use super::outcome::{Judged, conclude};
use super::{Exit, Failure};
pub(super) use remedy::remedy;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run directory, such as reports/NAME-TIME, or a history file in another format
    #[arg(value_name = "RUN_DIR|FILE", value_hint = ValueHint::AnyPath)]
    path: PathBuf,
    /// Format of the path
    #[arg(long, value_enum, default_value_t = Format::Run)]
    format: Format,
    /// Time limit of the linearizability search; not with --format run [default: 60s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// Initial value of every register; not with --format run [default: nil]
    #[arg(long, value_name = "VALUE")]
    initial: Option<String>,
    #[command(flatten)]
    judged: Judged,
}

/// What can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A run directory
    Run,
    /// History of Jepsen's etcd test (jepsen.log, history.txt, history.edn): registers with read, write and compare-and-set
    JepsenEtcd,
    /// Register operations as JSON lines (docs/formats.md)
    Jsonl,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    if args.format != Format::Run {
        return imported::execute(&args);
    }
    if args.timeout.is_some() {
        let reason = "--timeout limits the search of an imported history (--format jepsen-etcd or jsonl); omit it for a run directory";
        return Err(Failure::Usage(reason.to_owned()));
    }
    if args.initial.is_some() {
        let reason = "--initial sets the registers of an imported history (--format jepsen-etcd or jsonl); omit it for a run directory";
        return Err(Failure::Usage(reason.to_owned()));
    }
    let refused = |error| Failure::Usage(format!("cannot check {}: {error}\n{}", args.path.display(), remedy(&args.path, &error)));
    let report = report::build(&args.path).map_err(refused)?;
    // It is judged here and now: that the run was interrupted is part of what is reported, but no reason to fail.
    let result = RunResult { exit_code: report.result.verdict.exit_code(), ..report.result };
    conclude(&result, &args.path, &args.judged)
}
