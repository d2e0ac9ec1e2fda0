//! `ticketcd compare`: what changed from one set of runs to another, and how sure that is.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueHint;
use ticketcd_judge::history::io_reason;

use crate::printable;
use crate::report::comparison::{self, Comparison, SideError};
use crate::terminal::Screen;

use super::output::print;
use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run directories to compare with
    #[arg(value_name = "BASELINE", required = true, value_hint = ValueHint::DirPath)]
    baseline: Vec<PathBuf>,
    /// Run directories to compare, after `--`
    #[arg(value_name = "CANDIDATE", required = true, last = true, value_hint = ValueHint::DirPath)]
    candidate: Vec<PathBuf>,
    /// Compare runs that differ in more than strategy and etcd build
    #[arg(long)]
    force: bool,
    /// Exit with 3 when a metric certainly regressed by more than this, for example 5%
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "0%")]
    gate: Option<Threshold>,
    /// Print the comparison as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the comparison as Markdown
    #[arg(long)]
    markdown: bool,
    /// Also write the comparison as a page with the curves of both sides
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
}

/// A share, given in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Threshold(f64);

/// The text is no percentage.
#[derive(Debug, thiserror::Error)]
#[error("expected a percentage that is not negative, such as 5%")]
struct NotAPercentage;

impl FromStr for Threshold {
    type Err = NotAPercentage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent: f64 = text.strip_suffix('%').unwrap_or(text).parse().map_err(|_| NotAPercentage)?;
        if percent.is_finite() && percent >= 0.0 { Ok(Self(percent / 100.0)) } else { Err(NotAPercentage) }
    }
}

pub(super) fn execute(args: &Args) -> Result<Exit, Failure> {
    if let Some(flag) = args.candidate.iter().find(|path| path.to_string_lossy().starts_with('-')) {
        let flag = flag.display();
        return Err(Failure::Usage(format!("{flag} is read as a run directory: flags come before the `--`")));
    }
    let unreadable = |error: SideError| Failure::Usage(error.to_string());
    let baseline = comparison::read(&args.baseline).map_err(unreadable)?;
    let candidate = comparison::read(&args.candidate).map_err(unreadable)?;
    let comparison = comparison::compare(&baseline, &candidate, args.force).map_err(|obstacles| {
        let reasons: Vec<String> = obstacles.iter().map(|obstacle| format!("  {obstacle}")).collect();
        Failure::Usage(format!("the runs are not comparable:\n{}\nPass --force to compare them all the same.", reasons.join("\n")))
    })?;
    // What others wrote into the runs is made safe to print; JSON stays exact.
    let internal = || Failure::Internal("the comparison has no form in JSON".to_owned());
    let shown: Comparison = printable::facts(&comparison).ok_or_else(internal)?;
    if let Some(path) = &args.html {
        let page = comparison::page(&shown, &baseline, &candidate).map_err(|error| Failure::Internal(error.to_string()))?;
        fs::write(path, page).map_err(|error| Failure::NotCarriedOut(format!("cannot write {}: {}", path.display(), io_reason(&error))))?;
    }
    let text = if args.json {
        let json = serde_json::to_string_pretty(&comparison);
        let json = json.map_err(|error| Failure::Internal(format!("cannot write the comparison as JSON: {error}")))?;
        format!("{}\n", printable::json(&json))
    } else if args.markdown {
        comparison::markdown(&shown)
    } else {
        comparison::render(&shown, Screen::of_stdout())
    };
    let exit = print(&text)?;
    Ok(if args.gate.is_some_and(|gate| is_missed(&comparison, gate)) { Exit::ObjectiveMissed } else { exit })
}

/// Whether a metric certainly became worse by more than is accepted.
fn is_missed(comparison: &Comparison, gate: Threshold) -> bool {
    comparison.metrics.iter().any(|metric| metric.regressed_by(gate.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_percentage() {
        let shares = ["5%", "0.5", "0"].map(|text| text.parse::<Threshold>().map(|threshold| threshold.0).ok());
        assert_eq!(shares, [Some(0.05), Some(0.005), Some(0.0)]);
        for wrong in ["", "-1%", "NaN", "five", "inf"] {
            assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
        }
    }
}
