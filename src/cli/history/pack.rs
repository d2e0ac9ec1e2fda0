//! `ticketcd history pack`: lines of JSON, as `history cat` prints them, back into a run directory.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::ValueHint;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::run_info::RunInfo;
use ticketcd_judge::history::writer::HistoryWriter;

use super::super::output::print;
use super::super::{Exit, Failure};
use crate::cli::line_limit::LineLimit;
use crate::report::numbers::counted;
use crate::run::directory;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// JSON lines, one event each; `-` for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    lines: PathBuf,
    /// run.json of the run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    run_info: PathBuf,
    /// Output directory, must be new or empty
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: PathBuf,
}

pub(super) fn execute(args: &Args) -> Result<Exit, Failure> {
    let info = read_info(&args.run_info)?;
    let lines: Box<dyn BufRead> = if args.lines.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.lines)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {}", args.lines.display(), io_reason(&error))))?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let directory = directory::create(&args.out).map_err(|error| Failure::Usage(error.to_string()))?;
    let run = RunDir::new(&directory);
    run.write_info(&info).map_err(|error| Failure::NotCarriedOut(error.to_string()))?;
    let events = pack(lines, &args.lines, &run)?;
    print(&format!(
        "{} packed into {}\nCheck it with: ticketcd check {}\n",
        counted(events, "event"),
        args.out.display(),
        args.out.display()
    ))
}

fn read_info(path: &Path) -> Result<RunInfo, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| usage(&error))?;
    serde_json::from_slice(&text).map_err(|error| usage(&error))
}

fn pack(lines: impl BufRead, source: &Path, run: &RunDir) -> Result<u64, Failure> {
    let unwritable = |error: io::Error| Failure::NotCarriedOut(format!("cannot write {}: {}", run.history().display(), io_reason(&error)));
    let mut writer = HistoryWriter::create(&run.history()).map_err(unwritable)?;
    let mut events = 0;
    for (index, line) in LineLimit::new(lines).lines().enumerate() {
        let at = |error: &dyn std::fmt::Display| Failure::Usage(format!("{}:{}: {error}", source.display(), index + 1));
        let line = line.map_err(|error| at(&error))?;
        if line.trim().is_empty() {
            continue;
        }
        let event: Event = serde_json::from_str(&line).map_err(|error| at(&format!("not an event: {error}")))?;
        writer.append(&event).map_err(unwritable)?;
        events += 1;
    }
    writer.finish(run.bound_files().map_err(unwritable)?).map_err(unwritable)?;
    Ok(events)
}
