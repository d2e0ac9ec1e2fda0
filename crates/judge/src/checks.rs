//! The table of all checks, and the judgement of a run directory.

use std::path::Path;

use crate::core::check::{Check, CheckInfo};
use crate::core::engine::{Judge, Judgement};
use crate::etcd::authorship::Authorship;
use crate::etcd::branch::Branch;
use crate::etcd::collectors::Collectors;
use crate::etcd::divergence::Divergence;
use crate::etcd::leases::Leases;
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

/// Makes a check for a run.
type MakeCheck = fn(&RunInfo) -> Box<dyn Check>;

/// The table of all checks, root causes first: a new check is one line here.
const CHECKS: [MakeCheck; 21] = [
    |_| Box::new(Divergence::default()),
    |_| Box::new(Collectors::default()),
    |info| Box::new(Oversell::new(info)),
    |info| Box::new(Conservation::new(info)),
    |info| Box::new(Revenue::new(info)),
    |info| Box::new(Ledger::new(info)),
    |info| Box::new(Holds::new(info)),
    |info| Box::new(Locks::new(info)),
    |info| Box::new(Refusal::new(info)),
    |info| Box::new(Indexes::new(info)),
    |info| Box::new(RealTime::new(info)),
    |info| Box::new(Authorship::new(info)),
    |info| Box::new(Branch::new(info)),
    |info| Box::new(Reads::new(info)),
    |_| Box::new(Serializable::default()),
    |info| Box::new(Sessions::new(info)),
    |info| Box::new(Watch::new(info)),
    |info| Box::new(Leases::new(info)),
    |_| Box::new(Replicas::default()),
    |_| Box::new(Recovery::default()),
    |_| Box::new(Logs::default()),
];

/// All checks for a recorded run.
pub fn standard_checks(info: &RunInfo) -> Vec<Box<dyn Check>> {
    CHECKS.iter().map(|make| make(info)).collect()
}

/// The checks that are cheap enough to run during the load.
pub fn online_checks(info: &RunInfo) -> Vec<Box<dyn Check>> {
    standard_checks(info).into_iter().filter(|check| check.info().online).collect()
}

/// What every check is called, what it verifies, and what it can report.
pub fn check_infos() -> Vec<&'static CheckInfo> {
    standard_checks(&RunInfo::default()).iter().map(|check| check.info()).collect()
}

/// The names of all checks.
pub fn check_names() -> Vec<&'static str> {
    check_infos().iter().map(|info| info.name).collect()
}

/// A run directory cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is not a run directory, or has another format.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// Its history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Judges a run directory.
///
/// # Errors
/// When it is not a run directory, or its history cannot be read at all. A truncated history is judged as far as it goes.
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
