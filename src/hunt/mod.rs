//! The hunt: random scenarios, drawn from one seed, run one after another until the time or the number of runs is over.
//!
//! On an etcd that keeps its promises it looks for false alarms of the checks, on any other for defects. Each run is drawn
//! from the seed and its index alone ([`draw`]), its outcome is written to a ledger when it ends ([`ledger`]), and only what
//! failed is kept. What was exercised together is counted in the [`summary`].

pub mod draw;
pub mod features;
pub mod ledger;
pub mod record;
pub mod render;
pub mod summary;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::known_defects::KnownDefect;
use tokio_util::sync::CancellationToken;

use crate::release::EtcdBinary;
use crate::run::{self, Finished, RunError, RunOptions};
use crate::scenario::ScenarioError;

use draw::Drawn;
use ledger::{Ledger, LedgerError, Quarry};
pub use record::{Found, Outcome, Record};
pub use summary::{Summary, hunt_schema};

/// How many runs without a verdict are kept by default: each is a few megabytes.
const INCONCLUSIVE_KEPT_MAX: usize = 3;

/// A hunt ends after so many internal errors one after another: the next would be no different.
const INTERNAL_ERRORS_MAX: usize = 3;

/// What to hunt.
#[derive(Clone, Debug)]
pub struct HuntOptions {
    /// The seed that every scenario is drawn from.
    pub seed: u64,
    /// When it is over.
    pub limit: Limit,
    /// The etcd that is hunted.
    pub etcd: EtcdBinary,
    /// Its name as given to `--etcd`, for the commands that rerun something.
    pub etcd_name: String,
    /// The hunt's directory; it may hold the same hunt, which is resumed then.
    pub directory: PathBuf,
    /// Known defects of etcd that fail nothing.
    pub waived: Vec<KnownDefect>,
    /// Whether every run without a verdict is kept, instead of the first few.
    pub keeps_inconclusive: bool,
}

/// When a hunt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// After so many runs, those before it was resumed included.
    Runs(u32),
    /// When all runs together, those before it was resumed included, took as long as this.
    Time(Duration),
}

/// A hunt that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum HuntError {
    /// Its directory or its ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A run could not be carried out or recorded, and the next would fare no better.
    #[error("run {run}: {error}")]
    Run {
        /// Which run.
        run: u32,
        /// Why.
        error: RunError,
    },
    /// A run's directory could not be removed or written.
    #[error("cannot write to {}: {}", .path.display(), io_reason(.error))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// A drawn scenario is not valid: an internal error.
    #[error("run {run} of seed {seed} has an invalid scenario: {error}")]
    Draw {
        /// The seed of the hunt.
        seed: u64,
        /// Which run.
        run: u32,
        /// What is wrong with it.
        error: Box<ScenarioError>,
    },
}

/// A hunt in progress.
#[derive(Debug)]
pub struct Hunt {
    options: HuntOptions,
    ledger: Ledger,
    records: Vec<Record>,
}

impl Hunt {
    /// Begins a hunt, or resumes the one in the directory.
    ///
    /// # Errors
    /// When the directory cannot be used, or holds another hunt.
    pub fn open(options: HuntOptions) -> Result<Self, HuntError> {
        std::fs::create_dir_all(&options.directory).map_err(|error| HuntError::Directory { path: options.directory.clone(), error })?;
        let quarry = Quarry::new(options.seed, options.etcd.version.to_string(), options.etcd.sha256.clone());
        let (ledger, records) = Ledger::open(&options.directory, &quarry)?;
        Ok(Self { options, ledger, records })
    }

    /// The runs that are finished, those before it was resumed included.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Runs the next scenario; none when the hunt is over. When `interrupted` fires, the run ends early and is judged all the
    /// same, and it was the last.
    ///
    /// # Errors
    /// When the hunt cannot go on. What is finished stays finished.
    pub async fn next(&mut self, interrupted: &CancellationToken) -> Result<Option<&Record>, HuntError> {
        if interrupted.is_cancelled() || self.is_over() {
            return Ok(None);
        }
        let index = u32::try_from(self.records.len()).unwrap_or(u32::MAX).saturating_add(1);
        let seed = self.options.seed;
        let drawn = draw::draw(seed, index).map_err(|error| HuntError::Draw { seed, run: index, error: Box::new(error) })?;
        let name = format!("run-{index}");
        let directory = self.options.directory.join(&name);
        // Left by a hunt that was killed in the middle of this run.
        remove(&directory).await?;
        let planned = Record::planned(index, &drawn);
        let began = Instant::now();
        let finished = self.run(&drawn, &directory, interrupted).await;
        let took = began.elapsed();
        let mut record = match finished {
            Ok(finished) => planned.finished(&finished.result, took),
            Err(RunError::Internal(reason)) => {
                keep_scenario(&directory, &drawn).await?;
                planned.failed(reason, took)
            }
            Err(error) => return Err(HuntError::Run { run: index, error }),
        };
        if self.is_kept(record.outcome) {
            record.kept = Some(name);
        } else {
            remove(&directory).await?;
        }
        // An interrupted run is run again.
        if record.outcome != Outcome::Interrupted {
            self.ledger.append(&record)?;
        }
        self.records.push(record);
        Ok(self.records.last())
    }

    async fn run(&self, drawn: &Drawn, directory: &Path, interrupted: &CancellationToken) -> Result<Finished, RunError> {
        let mut scenario = drawn.scenario.clone();
        draw::waive(&mut scenario, &self.options.waived);
        scenario.cluster.etcd = Some(self.options.etcd.path.display().to_string());
        let options = RunOptions { scenario, seed: drawn.seed, directory: Some(directory.to_owned()), fail_fast: false };
        let interrupted = interrupted.clone();
        // A task of its own, so that a panic is a finding instead of the end of the hunt.
        let running = tokio::spawn(async move { run::run_one_of_many(options, &interrupted).await });
        running.await.unwrap_or_else(|error| Err(RunError::Internal(format!("the run panicked: {error}"))))
    }

    fn is_over(&self) -> bool {
        let failing = self.records.iter().rev().take_while(|record| record.outcome == Outcome::InternalError).count();
        let is_done = match self.options.limit {
            Limit::Runs(runs) => self.records.len() >= runs as usize,
            Limit::Time(time) => self.records.iter().map(|record| record.seconds).sum::<f64>() >= time.as_secs_f64(),
        };
        is_done || failing >= INTERNAL_ERRORS_MAX
    }

    fn is_kept(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Violation | Outcome::InternalError => true,
            Outcome::Invalid | Outcome::Unknown => {
                let is_inconclusive = |record: &&Record| matches!(record.outcome, Outcome::Invalid | Outcome::Unknown);
                let kept = self.records.iter().filter(is_inconclusive).filter(|record| record.kept.is_some()).count();
                self.options.keeps_inconclusive || kept < INCONCLUSIVE_KEPT_MAX
            }
            Outcome::Interrupted | Outcome::Waived | Outcome::Pass => false,
        }
    }

    /// What came of it so far.
    pub fn summary(&self) -> Summary {
        let HuntOptions { seed, etcd, etcd_name, directory, .. } = &self.options;
        Summary::new(*seed, etcd.version.to_string(), etcd_name, directory, &self.records)
    }
}

/// Removes a run's directory, if there is one.
async fn remove(directory: &Path) -> Result<(), HuntError> {
    match tokio::fs::remove_dir_all(directory).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HuntError::Directory { path: directory.to_owned(), error }),
        _ => Ok(()),
    }
}

/// Writes the scenario of a run that failed before it could do so itself.
async fn keep_scenario(directory: &Path, drawn: &Drawn) -> Result<(), HuntError> {
    let failed = |error| HuntError::Directory { path: directory.to_owned(), error };
    let path = RunDir::new(directory).scenario();
    if path.is_file() {
        return Ok(());
    }
    tokio::fs::create_dir_all(directory).await.map_err(failed)?;
    tokio::fs::write(&path, drawn.scenario.to_toml()).await.map_err(failed)
}
