//! A synthetic run as a run directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::generate::generate_of;
use crate::mutation::Mutation;
use crate::run::{BROKEN, Generated, MEMBERS, Size};
use crate::strategy::Strategy;
use ticketcd_history::fault_lines::FaultLines;
use ticketcd_history::run_dir::{RunDir, RunDirError};
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::writer::HistoryWriter;
use ticketcd_history::{MemberIndex, io_reason};

/// A run could not be written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A file cannot be written.
    #[error("{}: {}", path.display(), io_reason(error))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// `run.json` cannot be written.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The run could not be generated or written.
    #[error("{}", io_reason(.0))]
    Generate(std::io::Error),
}

/// Generates a run of the strategy that its `run.json` is to name, and writes everything a run directory has but its scenario.
///
/// # Errors
/// When a file exists already or cannot be written, when the run is too small for the mutation, or when there are no
/// synthetic runs of the strategy.
pub fn write_run(directory: &Path, info: &RunInfo, size: &Size, mutation: Option<Mutation>) -> Result<Generated, GenerateError> {
    let run = RunDir::new(directory);
    let strategy: Strategy = info.strategy.parse().map_err(|error| GenerateError::Generate(std::io::Error::other(error)))?;
    let io = |path: PathBuf| move |error| GenerateError::Io { path, error };
    run.write_info(info)?;
    fs::create_dir_all(run.members()).map_err(io(run.members()))?;
    for member in (0..MEMBERS).map(MemberIndex) {
        let path = run.member_log(member);
        fs::write(&path, member_log(mutation, member)).map_err(io(path))?;
    }
    let mut faults = FaultLines::create(&run.faults()).map_err(io(run.faults()))?;
    // Frames end when they are full and never by the clock, so that the same seed gives the same bytes.
    let mut history = HistoryWriter::create(&run.history()).map_err(io(run.history()))?;
    let generated = generate_of(size, strategy, mutation, &mut |event| {
        faults.append(event)?;
        history.append(event)
    });
    let generated = generated.map_err(GenerateError::Generate)?;
    let files = run.bound_files().map_err(io(run.path().to_owned()))?;
    history.finish(files).map_err(io(run.history()))?;
    Ok(generated)
}

/// A log without anything unusual, or with the mutation.
fn member_log(mutation: Option<Mutation>, member: MemberIndex) -> String {
    let line = |level: &str, words: &str| format!("{{\"level\":\"{level}\",\"ts\":\"2026-05-01T20:00:01.000Z\",\"msg\":\"{words}\"}}\n");
    let mut log = line("info", "ready to serve client requests");
    let worst = match mutation.filter(|_| member == BROKEN) {
        Some(Mutation::LogPanic) => Some(("panic", "unexpected error during txn")),
        Some(Mutation::LogFatal) => Some(("fatal", "failed to find database snapshot file")),
        Some(Mutation::LogCorruption) => Some(("error", "data corruption detected")),
        _ => None,
    };
    if let Some((level, words)) = worst {
        log.push_str(&line(level, words));
    }
    log
}
