//! `ticketcd hunt`: run random scenarios, drawn from one seed.

use std::path::PathBuf;

use clap::ValueHint;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::known_defects::{KNOWN_DEFECTS, KnownDefect};
use tokio_util::sync::CancellationToken;

use crate::hunt::draw::{draw, waive};
use crate::hunt::render::{self, Place};
use crate::hunt::{Hunt, HuntError, HuntOptions, Limit, Outcome, Summary};
use crate::release::{self, EtcdBinary};
use crate::run::{self, RunOptions, directory, interrupt};
use crate::scenario::units::Span;
use crate::terminal::{Screen, note};

use super::outcome::{Judged, conclude, exit_of};
use super::output::print;
use super::run::new_seed;
use super::{Exit, Failure, offered};

/// The default total time of a hunt.
const FOR_DEFAULT: Span = Span::seconds(20 * 60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Seed of all scenarios [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Start no further run after this total time [default: 20m]
    #[arg(long = "for", value_name = "TIME", conflicts_with_all = ["runs", "only"])]
    time: Option<Span>,
    /// Number of scenarios to run
    #[arg(long, value_name = "COUNT", conflicts_with = "only", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Run only this scenario of the hunt, and keep its run directory
    #[arg(long, value_name = "RUN", value_parser = clap::value_parser!(u32).range(1..), requires = "seed")]
    only: Option<u32>,
    /// etcd to run: a version or the path of a binary
    #[arg(long, value_name = "VERSION|PATH", value_hint = ValueHint::FilePath)]
    etcd: Option<String>,
    /// Output directory; an existing hunt is resumed [default: reports/hunt-SEED-VERSION]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Do not fail on this known etcd issue, such as etcd#22294
    #[arg(long, value_name = "ISSUE", value_delimiter = ',', value_parser = offered::known_issue(known_defect))]
    waive: Vec<KnownDefect>,
    /// Keep all invalid and unknown runs, not only the first three
    #[arg(long)]
    keep_inconclusive: bool,
    /// Print the summary as JSON on standard output, and the line of each run on standard error
    #[arg(long)]
    json: bool,
}

/// `--waive` names an issue that no finding is recognised as.
#[derive(Debug, thiserror::Error)]
#[error("not a known etcd issue; the known ones are {}", KNOWN_DEFECTS.iter().map(|defect| defect.name).collect::<Vec<_>>().join(", "))]
struct UnknownIssue;

fn known_defect(name: &str) -> Result<KnownDefect, UnknownIssue> {
    KNOWN_DEFECTS.into_iter().find(|defect| defect.name == name).ok_or(UnknownIssue)
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let seed = args.seed.unwrap_or_else(new_seed);
    if let Some(only) = args.only {
        return run_only(seed, only, args).await;
    }
    let wanted = args.etcd.clone();
    let etcd = tokio::task::spawn_blocking(move || release::resolve(wanted.as_deref()));
    let etcd = etcd.await.map_err(|error| Failure::Internal(error.to_string()))??;
    if let Some(defect) = etcd.known_bad {
        tracing::warn!("etcd {} has a known defect: it {defect}", etcd.version);
    }
    let directory = args.out.clone().unwrap_or_else(|| default_directory(seed, &etcd));
    let limit = match (args.runs, args.time) {
        (Some(runs), _) => Limit::Runs(runs),
        (None, time) => Limit::Time(time.unwrap_or(FOR_DEFAULT).0),
    };
    // "latest" is another version tomorrow.
    let etcd_name = args.etcd.filter(|name| name != "latest").unwrap_or_else(|| etcd.version.to_string());
    let options = HuntOptions { seed, limit, etcd, etcd_name, directory, waived: args.waive, keeps_inconclusive: args.keep_inconclusive };
    hunt(options, args.json).await
}

fn default_directory(seed: u64, etcd: &EtcdBinary) -> PathBuf {
    PathBuf::from(format!("{}/hunt-{seed}-{}", directory::DEFAULT_PARENT, etcd.version))
}

async fn hunt(options: HuntOptions, is_json: bool) -> Result<Exit, Failure> {
    let (seed, etcd_name, shown_directory) = (options.seed, options.etcd_name.clone(), options.directory.display().to_string());
    let place = Place { seed, etcd: &etcd_name, directory: &shown_directory };
    let mut hunt = Hunt::open(options)?;
    note(format_args!("hunt: seed {seed} · etcd {etcd_name} · {shown_directory}"));
    match hunt.records().len() {
        0 => {}
        1 => note("resuming after 1 completed run"),
        finished => note(format_args!("resuming after {finished} completed runs")),
    }
    let screen = if is_json { Screen::of_stderr() } else { Screen::of_stdout() };
    let show = |text: &str| {
        if is_json {
            note(text.trim_end());
            return Ok(());
        }
        print(text).map(drop)
    };
    show(&format!("{}\n", render::HEADING))?;
    for record in hunt.records() {
        show(&render::line(&place, record, screen))?;
    }
    let interrupted = CancellationToken::new();
    let watching = interrupt::watch(interrupted.clone(), "healing faults, checking the current run and printing the summary");
    let watching = watching.map_err(|error| Failure::Internal(format!("cannot watch for Ctrl-C: {}", io_reason(&error))))?;
    let ended = loop {
        match hunt.next(&interrupted).await {
            Ok(Some(record)) => show(&render::line(&place, record, screen))?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    watching.abort();
    let summary = hunt.summary();
    if is_json {
        let text = serde_json::to_string_pretty(&summary).map_err(|error| Failure::Internal(error.to_string()))?;
        print(&format!("{text}\n"))?;
    } else {
        print(&format!("\n{}", render::summary(&summary, screen)))?;
    }
    exit(&summary, ended, interrupted.is_cancelled())
}

/// A violation that was found counts, however the hunt ended.
fn exit(summary: &Summary, ended: Result<(), HuntError>, is_interrupted: bool) -> Result<Exit, Failure> {
    match (summary.exit_code, ended) {
        (1, ended) => {
            if let Err(error) = ended {
                tracing::error!("{error}");
            }
            Ok(Exit::Violation)
        }
        (_, Err(error)) => Err(error.into()),
        (70, Ok(())) => {
            let failed = summary.count(Outcome::InternalError);
            Err(Failure::Internal(format!("{failed} of {} runs failed with an internal error: see above", summary.runs.len())))
        }
        // Between two runs it interrupts none.
        (_, Ok(())) if is_interrupted => Ok(Exit::Interrupted),
        (code, Ok(())) => Ok(exit_of(code)),
    }
}

/// Runs one scenario of a hunt as `ticketcd run` would.
async fn run_only(seed: u64, only: u32, args: Args) -> Result<Exit, Failure> {
    let invalid = |error| Failure::from(HuntError::Draw { seed, run: only, error: Box::new(error) });
    let drawn = draw(seed, only).map_err(invalid)?;
    let mut scenario = drawn.scenario;
    waive(&mut scenario, &args.waive);
    scenario.cluster.etcd = args.etcd;
    let finished = run::run(RunOptions { scenario, seed: drawn.seed, directory: args.out, fail_fast: false }).await?;
    conclude(&finished.result, &finished.directory, &Judged { expect: None, json: args.json })
}

impl From<HuntError> for Failure {
    fn from(error: HuntError) -> Self {
        match error {
            HuntError::Ledger(error) if error.is_usage() => Self::Usage(error.to_string()),
            HuntError::Ledger(_) | HuntError::Directory { .. } => Self::NotCarriedOut(error.to_string()),
            HuntError::Run { error, .. } => error.into(),
            HuntError::Draw { .. } => Self::Internal(error.to_string()),
        }
    }
}
