//! What to do when a run directory cannot be checked: each cause has its own remedy.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use ticketcd_judge::history::reader::HistoryError;
use ticketcd_judge::history::run_dir::{RunDir, RunDirError};

use crate::report::ReportError;

/// Most runs that are listed; a directory may have hundreds.
const RUNS_MAX: usize = 8;

/// What to do next, in a sentence.
pub(in crate::cli) fn remedy(path: &Path, error: &ReportError) -> String {
    match error {
        ReportError::RunDir(RunDirError::Io { error, .. })
        | ReportError::History(HistoryError::Io { error, .. })
        | ReportError::File { error, .. } => of_file(path, error),
        ReportError::RunDir(RunDirError::TooNew { .. }) | ReportError::History(HistoryError::TooNew { .. }) => {
            format!("It was written by a newer ticketcd: check it with that version, or upgrade this one ({}).", env!("CARGO_PKG_VERSION"))
        }
        ReportError::RunDir(RunDirError::TooOld { .. }) | ReportError::History(HistoryError::TooOld { .. }) => {
            "Check it with the version of ticketcd that wrote it, or run its scenario again: ticketcd run RUN_DIR/scenario.toml.".to_owned()
        }
        ReportError::RunDir(RunDirError::Malformed { .. }) => {
            "Its run.json is damaged: copy the run directory again from its origin.".to_owned()
        }
        ReportError::RunDir(RunDirError::File(_)) | ReportError::History(HistoryError::File(_)) => {
            "Copy the run directory again from its origin, with the files themselves instead of links.".to_owned()
        }
        ReportError::TwoRuns => "Copy each run directory separately and completely from its origin.".to_owned(),
        ReportError::History(HistoryError::NotAHistory { .. } | HistoryError::Malformed { .. }) => {
            "Its history.zst is damaged or not a history: copy the run directory again from its origin.".to_owned()
        }
    }
}

fn of_file(path: &Path, error: &Error) -> String {
    if error.kind() == ErrorKind::PermissionDenied {
        return "Permission denied: run as the user who owns it, or change its permissions.".to_owned();
    }
    if path.is_file() {
        return of_other_than_directory(path);
    }
    let run = RunDir::new(path);
    if run.run_info().is_file() && !run.history().exists() {
        return "Its history.zst is missing: copy the whole run directory again from its origin.".to_owned();
    }
    let runs = runs_in(path);
    if runs.is_empty() {
        "Pass a run directory, such as reports/NAME-TIME. A run that was killed before it recorded anything cannot be checked.".to_owned()
    } else {
        let more = if runs.len() > RUNS_MAX { format!(" and {} more", runs.len() - RUNS_MAX) } else { String::new() };
        let named: Vec<String> = runs.iter().take(RUNS_MAX).map(|name| path.join(name).display().to_string()).collect();
        format!("It is not a run directory but contains some; pass one of them: {}{more}.", named.join(", "))
    }
}

fn of_other_than_directory(path: &Path) -> String {
    match path.parent().filter(|parent| RunDir::new(*parent).run_info().is_file()) {
        Some(parent) => {
            // A bare file name has the empty path as its parent.
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            format!("It is a file of a run directory; pass the directory: ticketcd check {}", parent.display())
        }
        None => "It is a file, not a run directory. For a history of another tool add --format jepsen-etcd or --format jsonl.".to_owned(),
    }
}

/// The names of the directories in this one that are of runs, in order.
fn runs_in(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let is_run = |entry: &fs::DirEntry| RunDir::new(entry.path()).run_info().is_file();
    let mut names: Vec<String> = entries.flatten().filter(is_run).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_run_gets_advice_about_permissions() {
        let error = RunDirError::Io { path: "r/run.json".into(), error: ErrorKind::PermissionDenied.into() };
        assert!(remedy(Path::new("r"), &error.into()).starts_with("Permission denied"));
    }
}
