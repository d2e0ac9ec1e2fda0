//! How a judged run is shown, and the exit code it ends with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use crate::printable;
use crate::report::decide::unmet;
use crate::report::{RunResult, for_people, markdown, summary};
use crate::scenario::Expectation;
use crate::terminal::{Screen, note};

use super::output::print;
use super::{Exit, Failure, offered};

/// The variable with which a CI system names the file of a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Flags of every command that ends with a verdict.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Judged {
    /// Exit with 0 for this verdict and with 5 otherwise: pass, violation, violation:CHECK, unknown, objective_missed, invalid
    #[arg(long, value_name = "VERDICT", value_parser = offered::verdict(), hide_possible_values = true)]
    pub expect: Option<Expectation>,
    /// Print the result as JSON instead of the summary
    #[arg(long)]
    pub json: bool,
}

/// Shows a result and turns it into an exit code.
pub(super) fn conclude(result: &RunResult, directory: &Path, judged: &Judged) -> Result<Exit, Failure> {
    let surprise = judged.expect.as_ref().and_then(|expected| unmet(expected, result.verdict, &result.checks));
    let shown = for_people(result);
    let screen = if judged.json { Screen::of_stderr() } else { Screen::of_stdout() };
    let last_line = summary::last_line(&shown, directory, screen);
    let last_lines = surprise.iter().cloned().chain([last_line]).collect::<Vec<_>>().join("\n");
    let text = if judged.json {
        let text = serde_json::to_string_pretty(result);
        let text = text.map_err(|error| Failure::Internal(format!("cannot write the result as JSON: {error}")))?;
        printable::json(&text).into_owned()
    } else {
        format!("{}\n{last_lines}\n", summary::render(&shown, screen))
    };
    print(&text)?;
    if judged.json {
        note(last_lines);
    }
    append_step_summary(&shown);
    if result.interrupted && result.exit_code == Exit::Interrupted.code() {
        return Ok(Exit::Interrupted);
    }
    Ok(match (&judged.expect, surprise) {
        (None, _) => exit_of(result.exit_code),
        (Some(_), None) => Exit::Pass,
        (Some(_), Some(_)) => Exit::Unexpected,
    })
}

/// Appends the result to the step summary of a CI system, where there is one. A summary that cannot be written changes no verdict.
fn append_step_summary(result: &RunResult) {
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else { return };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(markdown(result).as_bytes())) {
        note(format_args!("note: cannot write the step summary {}: {}", Path::new(&path).display(), error.kind()));
    }
}

/// The exit of a result's exit code.
pub(super) fn exit_of(code: u8) -> Exit {
    match code {
        0 => Exit::Pass,
        1 => Exit::Violation,
        3 => Exit::ObjectiveMissed,
        4 => Exit::Invalid,
        130 => Exit::Interrupted,
        _ => Exit::Unknown,
    }
}
