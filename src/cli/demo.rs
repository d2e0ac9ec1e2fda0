//! `ticketcd demo`: three short runs on one screen.

use std::path::{Path, PathBuf};

use clap::ValueHint;

use crate::report::RunVerdict;
use crate::report::numbers::count;
use crate::run::{self, RunOptions, directory};
use crate::terminal::Screen;
use crate::{report::summary, scenario};

use super::output::print;
use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Seed of the plans
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write to this directory, which must be new or empty [default: reports/demo-TIME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// etcd to run: a version or the path of a binary
    #[arg(long, value_name = "VERSION|PATH", value_hint = ValueHint::FilePath)]
    etcd: Option<String>,
}

/// One of the runs, and how it must end.
struct Step {
    directory: &'static str,
    scenario: &'static str,
    /// `{buyers}` stands for how many there are.
    title: &'static str,
    verdict: RunVerdict,
    check: Option<&'static str>,
    explanation: &'static str,
}

const STEPS: [Step; 3] = [
    Step {
        directory: "1-naive",
        scenario: "demo-naive",
        title: "1. Unsafe: the shop reads the stock, checks it, and writes it back. {buyers} buyers want the same tickets.",
        verdict: RunVerdict::Violation,
        check: Some("oversell"),
        explanation: "Another buyer wrote between the read and the write, both succeeded, and more tickets were sold than exist.",
    },
    Step {
        directory: "2-safe",
        scenario: "demo-safe",
        title: "2. Safe: the same shop and {buyers} buyers, but one transaction guarded by the revisions that were read.",
        verdict: RunVerdict::Pass,
        check: None,
        explanation: "The second of two concurrent buyers fails its guard, reads the stock again and retries. Nothing is oversold.",
    },
    Step {
        directory: "3-faults",
        scenario: "demo-faults",
        title: "3. Faults: the leader is killed and a member is partitioned while {buyers} buyers buy.",
        verdict: RunVerdict::Pass,
        check: None,
        explanation: "Sales stall briefly and continue. Unanswered orders are resolved by their ids; nothing is lost.",
    },
];

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let usage = |error: directory::DirectoryError| Failure::Usage(error.to_string());
    let parent = match &args.out {
        Some(path) => directory::create(path).map_err(usage)?,
        None => directory::create_default("demo").map_err(usage)?,
    };
    let mut ended_as_expected = true;
    for step in &STEPS {
        match execute_step(step, &args, &parent).await? {
            Some(as_expected) => ended_as_expected &= as_expected,
            None => return Ok(Exit::Interrupted),
        }
    }
    let end = if ended_as_expected { "All three runs ended as expected." } else { "A run did not end as expected: see above." };
    print(&format!("{end} Details: ticketcd check {}/1-naive\n", parent.display()))?;
    Ok(if ended_as_expected { Exit::Pass } else { Exit::Unexpected })
}

/// The changes that the flags make to a scenario.
fn step_overrides(args: &Args) -> Vec<String> {
    args.etcd.iter().map(|etcd| format!("cluster.etcd={etcd:?}")).collect()
}

/// Runs a step and returns whether it ended as expected; `None` when it was interrupted.
async fn execute_step(step: &Step, args: &Args, parent: &Path) -> Result<Option<bool>, Failure> {
    let scenario = scenario::load(step.scenario, &step_overrides(args))?;
    let screen = Screen::of_stdout();
    let buyers = count(scenario.load.buyers.into());
    print(&format!("{}\n", screen.wrapped("", &step.title.replace("{buyers}", &buyers))))?;
    let options = RunOptions { scenario, seed: args.seed, directory: Some(parent.join(step.directory)), fail_fast: false };
    let finished = run::run(options).await?;
    let result = &finished.result;
    print(&format!("{}\n{}\n", summary::brief(result, screen), summary::last_line(result, &finished.directory, screen)))?;
    if result.interrupted {
        return Ok(None);
    }
    let is_reported = |check: &str| result.checks.iter().any(|finding| finding.name == check && !finding.anomalies.is_empty());
    let as_expected = result.verdict == step.verdict && step.check.is_none_or(is_reported);
    let explanation = if as_expected { step.explanation } else { "This run did not end as expected." };
    print(&format!("\n{}\n\n", screen.wrapped("  ", explanation)))?;
    Ok(Some(as_expected))
}
