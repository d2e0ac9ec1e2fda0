//! `ticketcd check`: judge a run directory again, or a history of another tool, without a cluster.

mod imported;
mod remedy;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::report;
use crate::scenario::units::Span;

use super::outcome::{Judged, conclude};
use super::{Exit, Failure};
use remedy::remedy;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory of a run, reports/NAME-TIME; or a file in another format
    #[arg(value_name = "RUN_DIR|FILE")]
    path: PathBuf,
    /// What the path names
    #[arg(long, value_enum, default_value_t = Format::Run)]
    format: Format,
    /// Give a search for linearizability up after this time; only with another format than run [default: 60s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// What every register holds before the first operation; only with another format than run [default: nil]
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
    /// A history of Jepsen's etcd test, jepsen.log, history.txt or history.edn: a register that is read, written and compared-and-set
    JepsenEtcd,
    /// Registers as lines of JSON, see docs/formats.md
    Jsonl,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    if args.format != Format::Run {
        return imported::execute(&args);
    }
    if args.timeout.is_some() {
        let reason =
            "--timeout bounds the search of another format (--format jepsen-etcd or jsonl); a run is judged to its end, leave it out";
        return Err(Failure::Usage(reason.to_owned()));
    }
    if args.initial.is_some() {
        let reason = "--initial is about the registers of another format (--format jepsen-etcd or jsonl); a run records what its keys hold, \
                      leave it out";
        return Err(Failure::Usage(reason.to_owned()));
    }
    let refused = |error| Failure::Usage(format!("cannot judge {}: {error}\n{}", args.path.display(), remedy(&args.path, &error)));
    let report = report::build(&args.path).map_err(refused)?;
    conclude(&report.result, &args.path, &args.judged)
}
