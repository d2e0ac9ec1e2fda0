//! `ticketcd demo`: three acts on one screen.

use std::path::{Path, PathBuf};

use crate::report::RunVerdict;
use crate::run::{self, RunOptions, directory};
use crate::{report::summary, scenario};

use super::output::print;
use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Draw the plans from this seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write to this directory, which must be new or empty [default: reports/demo-TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run this etcd: an installed or installable version, or the path of a binary
    #[arg(long, value_name = "VERSION|PATH")]
    etcd: Option<String>,
}

/// An act: what it is about, and how it has to end.
struct Act {
    directory: &'static str,
    scenario: &'static str,
    title: &'static str,
    verdict: RunVerdict,
    check: Option<&'static str>,
    moral: &'static str,
}

const ACTS: [Act; 3] = [
    Act {
        directory: "1-naive",
        scenario: "demo-naive",
        title: "Act 1: the shop reads the stock, checks it, and writes it back. A hundred people want the same tickets.",
        verdict: RunVerdict::Violation,
        check: Some("oversell"),
        moral: "Between the read and the write somebody else has bought: both write, and more is sold than there is.",
    },
    Act {
        directory: "2-safe",
        scenario: "demo-safe",
        title: "Act 2: the same shop, the same people, but one transaction that is guarded by what was read.",
        verdict: RunVerdict::Pass,
        check: None,
        moral: "Whoever comes second finds that the stock has changed, reads it anew and tries again. Nothing is oversold.",
    },
    Act {
        directory: "3-faults",
        scenario: "demo-faults",
        title: "Act 3: the leader is killed and a member is cut off while people buy.",
        verdict: RunVerdict::Pass,
        check: None,
        moral: "Sales stall for a moment and go on. Orders without an answer are found again by their ids; nothing is lost.",
    },
];

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let usage = |error: directory::DirectoryError| Failure::Usage(error.to_string());
    let parent = match &args.out {
        Some(path) => directory::create(path).map_err(usage)?,
        None => directory::create_default("demo").map_err(usage)?,
    };
    let mut ended_as_expected = true;
    for act in &ACTS {
        match play(act, &args, &parent).await? {
            Some(as_expected) => ended_as_expected &= as_expected,
            None => return Ok(Exit::Interrupted),
        }
    }
    let end = if ended_as_expected { "Each act ended as it should." } else { "An act did not end as it should: see above." };
    print(&format!("{end} The whole story: ticketcd check {}/1-naive\n", parent.display()))?;
    Ok(if ended_as_expected { Exit::Pass } else { Exit::Unexpected })
}

/// Plays an act and says whether it ended as it should; nothing when it was interrupted.
async fn play(act: &Act, args: &Args, parent: &Path) -> Result<Option<bool>, Failure> {
    print(&format!("{}\n\n", act.title))?;
    let overrides: Vec<String> = args.etcd.iter().map(|etcd| format!("cluster.etcd={etcd:?}")).collect();
    let scenario = scenario::load(act.scenario, &overrides)?;
    let options = RunOptions { scenario, seed: args.seed, directory: Some(parent.join(act.directory)), fail_fast: false };
    let finished = run::run(options).await?;
    let result = &finished.result;
    print(&format!("{}\n{}\n", summary::brief(result), summary::last_line(result, &finished.directory)))?;
    if result.interrupted {
        return Ok(None);
    }
    let convicted = |check: &str| result.checks.iter().any(|finding| finding.name == check && !finding.anomalies.is_empty());
    let as_expected = result.verdict == act.verdict && act.check.is_none_or(convicted);
    print(&format!("\n  {}\n\n\n", if as_expected { act.moral } else { "This act did not end as it should." }))?;
    Ok(Some(as_expected))
}
