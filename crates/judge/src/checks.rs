//! The table of all checks, and the judgement of a run directory.

use std::path::Path;

use crate::core::check::Check;
use crate::core::engine::{Judge, Judgement};
use crate::etcd::authorship::Authorship;
use crate::etcd::branch::Branch;
use crate::etcd::logs::Logs;
use crate::etcd::reads::Reads;
use crate::etcd::real_time::RealTime;
use crate::etcd::recovery::Recovery;
use crate::etcd::replicas::Replicas;
use crate::etcd::serializable::Serializable;
use crate::etcd::sessions::Sessions;
use crate::etcd::watch::Watch;
use crate::shop::conservation::Conservation;
use crate::shop::holds::Holds;
use crate::shop::indexes::Indexes;
use crate::shop::ledger::Ledger;
use crate::shop::locks::Locks;
use crate::shop::oversell::Oversell;
use crate::shop::refusal::Refusal;
use crate::shop::revenue::Revenue;
use ticketcd_history::read_ahead::ReadAhead;
use ticketcd_history::reader::{HistoryError, HistoryReader};
use ticketcd_history::run_dir::{RunDir, RunDirError};
use ticketcd_history::run_info::RunInfo;

/// Every check a recorded run is judged by, beside the judge's own.
pub fn standard_checks(info: &RunInfo) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(Oversell::new(info)),
        Box::new(Conservation::new(info)),
        Box::new(Revenue::new(info)),
        Box::new(Ledger::new(info)),
        Box::new(Holds::new(info)),
        Box::new(Locks::new(info)),
        Box::new(Refusal::new(info)),
        Box::new(Indexes::new(info)),
        Box::new(RealTime::new(info)),
        Box::new(Authorship::new(info)),
        Box::new(Branch::new(info)),
        Box::new(Reads::new(info)),
        Box::new(Serializable::default()),
        Box::new(Sessions::new(info)),
        Box::new(Watch::new(info)),
        Box::new(Replicas::default()),
        Box::new(Recovery::default()),
        Box::new(Logs::default()),
    ]
}

/// The names of all checks: the judge's own, then the standard ones.
pub fn check_names() -> Vec<&'static str> {
    let own = ["divergence", "collectors"];
    let standard = standard_checks(&RunInfo::default());
    own.into_iter().chain(standard.iter().map(|check| check.name())).collect()
}

/// The checks that are cheap enough to be made while the load runs.
pub fn online_checks(info: &RunInfo) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(Oversell::new(info)),
        Box::new(Conservation::new(info)),
        Box::new(RealTime::new(info)),
        Box::new(Holds::new(info)),
        Box::new(Locks::new(info)),
    ]
}

/// A run directory cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is no run directory, or one of another format.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// Its history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Judges a run directory.
///
/// # Errors
/// When it is no run directory, or its history cannot be read at all. A history that is cut off is judged as far as it
/// goes.
pub fn check_run(directory: &Path) -> Result<Judgement, CheckError> {
    let run = RunDir::new(directory);
    let info = run.read_info()?;
    let mut history = ReadAhead::new(HistoryReader::open(&run.history())?);
    let mut judge = Judge::in_parallel(&info, standard_checks(&info));
    for events in &mut history {
        judge.take(&events?);
    }
    Ok(judge.finish_flawed(Some(directory), history.tail().flaws(directory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_of_a_check_that_is_named() {
        let info = RunInfo::default();
        let judgement = Judge::new(&info, standard_checks(&info)).finish(None);
        let names = check_names();
        for name in judgement.findings.iter().map(|finding| finding.name.as_str()).chain(["authorship", "watch", "holds", "locks"]) {
            assert!(names.contains(&name), "{name} is not among {names:?}");
        }
    }
}
