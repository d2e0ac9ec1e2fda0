//! What to do when a run cannot be judged: each cause has its own remedy.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use ticketcd_judge::history::reader::HistoryError;
use ticketcd_judge::history::run_dir::{RunDir, RunDirError};

use crate::report::ReportError;

/// Runs named one by one; a directory may hold hundreds.
const RUNS_MAX: usize = 8;

/// What to do next, in a sentence.
pub(super) fn remedy(path: &Path, error: &ReportError) -> String {
    match error {
        ReportError::RunDir(RunDirError::Io { error, .. })
        | ReportError::History(HistoryError::Io { error, .. })
        | ReportError::File { error, .. } => of_file(path, error),
        ReportError::RunDir(RunDirError::TooNew { .. }) | ReportError::History(HistoryError::TooNew { .. }) => {
            format!("A newer ticketcd made it: judge it with that one, or upgrade this one, which is {}.", env!("CARGO_PKG_VERSION"))
        }
        ReportError::RunDir(RunDirError::TooOld { .. }) | ReportError::History(HistoryError::TooOld { .. }) => {
            "Judge it with the version of ticketcd that wrote it, or run its scenario again: ticketcd run RUN_DIR/scenario.toml.".to_owned()
        }
        ReportError::RunDir(RunDirError::Malformed { .. }) => {
            "Its run.json is damaged, and only run.json says what was run: copy the run anew from where it was made.".to_owned()
        }
        ReportError::TwoRuns => "Copy each run whole, into a directory of its own, from where it was made.".to_owned(),
        ReportError::History(HistoryError::NotAHistory { .. } | HistoryError::Malformed { .. }) => {
            "Its history.zst is damaged or something else: copy the run anew from where it was made.".to_owned()
        }
    }
}

fn of_file(path: &Path, error: &Error) -> String {
    if error.kind() == ErrorKind::PermissionDenied {
        return "You may not read it: judge it as the user who made it, or have yourself given the right to.".to_owned();
    }
    if path.is_file() {
        return of_other_than_directory(path);
    }
    let run = RunDir::new(path);
    if run.run_info().is_file() && !run.history().exists() {
        return "It is a run without its history.zst, which is what is judged: copy the run anew, whole, from where it was made."
            .to_owned();
    }
    let runs = runs_in(path);
    if runs.is_empty() {
        "Name the directory of a run, such as reports/NAME-TIME: one that was ended before it recorded anything holds nothing to judge."
            .to_owned()
    } else {
        let more = if runs.len() > RUNS_MAX { format!(" and {} more", runs.len() - RUNS_MAX) } else { String::new() };
        let named: Vec<String> = runs.iter().take(RUNS_MAX).map(|name| path.join(name).display().to_string()).collect();
        format!("It is no run but has runs in it; name one of them: {}{more}.", named.join(", "))
    }
}

fn of_other_than_directory(path: &Path) -> String {
    match path.parent().filter(|parent| RunDir::new(*parent).run_info().is_file()) {
        Some(parent) => {
            // A bare file name has the empty path as its parent.
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            format!("It is one file of a run; name the whole directory: ticketcd check {}", parent.display())
        }
        None => {
            "It is a file, and a run is a directory. A history of another tool needs its format: --format jepsen-etcd or --format jsonl."
                .to_owned()
        }
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
    fn who_may_not_read_is_not_told_to_name_another_directory() {
        let error = RunDirError::Io { path: "r/run.json".into(), error: ErrorKind::PermissionDenied.into() };
        assert!(remedy(Path::new("r"), &error.into()).starts_with("You may not read it"));
    }
}
