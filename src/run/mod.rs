//! A run from beginning to end: the one module that uses all others.
//!
//! [`run`] prepares what can fail before anything is started, `conduct` starts the testbed and goes through the phases,
//! and what is left in the run directory is judged by the same code that `ticketcd check` uses.

pub mod directory;
pub mod interrupt;
pub mod progress;

mod conduct;
mod context;
mod drain_and_audit;
mod fail_fast;
mod files;
mod host;
mod observed;
mod sell;
mod setup;

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::report::{self, RunResult};
use crate::scenario::types::Scenario;
use crate::testbed::Prepared;

pub use setup::RunError;
use setup::Setup;
pub(crate) use setup::{base36, purchase_date};

/// What to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The scenario, overrides applied.
    pub scenario: Scenario,
    /// The seed of the plan.
    pub seed: u64,
    /// Where to write; `reports/NAME-TIME` when it is not given.
    pub directory: Option<PathBuf>,
    /// Whether the load stops as soon as a check that runs meanwhile finds a violation.
    pub fail_fast: bool,
}

/// A run that is over and judged.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The result.
    pub result: RunResult,
    /// Where it is recorded.
    pub directory: PathBuf,
}

/// Runs a scenario and judges it. Ctrl-C ends the load, heals what is broken and judges what there is.
///
/// # Errors
/// When nothing could be run, with nothing changed; or when the record could not be kept.
pub async fn run(options: RunOptions) -> Result<Finished, RunError> {
    run_in(options, Setting::Alone).await
}

/// Runs a scenario that is one of many, and judges it. `interrupted` ends it as Ctrl-C ends a single run. Its progress is shown
/// on a terminal only, and that its etcd is known to be bad is for the caller to say, once.
///
/// # Errors
/// As for [`run`].
pub async fn run_one_of_many(options: RunOptions, interrupted: &CancellationToken) -> Result<Finished, RunError> {
    run_in(options, Setting::OneOfMany(interrupted.clone())).await
}

/// Whether a run is alone.
#[derive(Clone, Debug)]
enum Setting {
    /// It watches for Ctrl-C by itself.
    Alone,
    /// Others come after it; the token interrupts it.
    OneOfMany(CancellationToken),
}

async fn run_in(options: RunOptions, setting: Setting) -> Result<Finished, RunError> {
    let wanted = options.scenario.cluster.clone();
    let prepared = tokio::task::spawn_blocking(move || Prepared::new(&wanted));
    let prepared = prepared.await.map_err(|error| RunError::Internal(error.to_string()))??;
    let etcd = prepared.etcd();
    if let (Setting::Alone, Some(defect)) = (&setting, &etcd.known_bad) {
        tracing::warn!(
            "etcd {} has a known defect ({defect}); choose another version with --etcd unless you want to reproduce it",
            etcd.version
        );
    }
    let setup = Setup::new(options, prepared)?;
    let conducted = conduct::conduct(&setup, setting).await;
    let directory = setup.directory.clone();
    // The record is worth judging even when it could not be completed.
    let judged = tokio::task::spawn_blocking(move || {
        let report = report::build(&directory)?;
        report::write(&report, &directory).map(|()| report.result)
    });
    let judged = judged.await.map_err(|error| RunError::Internal(error.to_string()))?;
    match (conducted, judged) {
        (Ok(()), Ok(result)) => Ok(Finished { result, directory: setup.directory }),
        // A violation dominates a later failure of the run.
        (Err(failure), Ok(result)) if result.verdict == report::RunVerdict::Violation => {
            tracing::error!("{failure}");
            Ok(Finished { result, directory: setup.directory })
        }
        (Err(failure), _) => Err(failure),
        (Ok(()), Err(error)) => Err(RunError::Internal(format!("cannot check {}: {error}", setup.directory.display()))),
    }
}
