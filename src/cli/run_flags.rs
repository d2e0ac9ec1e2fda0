//! Flags of every command that runs a scenario.

use std::path::PathBuf;

use clap::ValueHint;
use ticketcd_judge::history::nanos;

use super::{Failure, offered};
use crate::report::numbers::{counted, duration};
use crate::scenario::Scenario;
use crate::scenario::budget::Shortened;
use crate::scenario::units::Span;
use crate::terminal::{Screen, note};

/// Flags of every command that runs a scenario.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct RunFlags {
    /// Seed of the plan [default: random]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Output directory, must be new or empty [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// etcd to run: a version or the path of a binary; several values run a matrix
    #[arg(long, value_name = "VERSION|PATH", value_delimiter = ',', value_hint = ValueHint::FilePath)]
    pub etcd: Vec<String>,
    /// Purchase strategy; several values run a matrix
    #[arg(long, value_delimiter = ',', value_parser = offered::strategy())]
    pub strategy: Vec<String>,
    /// Override a key of the scenario, such as load.buyers=500
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub set: Vec<String>,
    /// Time for everything, such as 5m: a load that does not fit is shortened, and faults after its end are left out
    #[arg(long, value_name = "TIME")]
    pub budget: Option<Span>,
    /// Stop the load as soon as an online check reports a violation
    #[arg(long)]
    pub fail_fast: bool,
}

impl RunFlags {
    /// The changes these flags make to a scenario, with one of the strategies and one of the builds of etcd. Flags are
    /// shorthands for keys, so that they are checked like keys and end up in the resolved scenario.
    pub(super) fn overrides(&self, strategy: Option<&str>, etcd: Option<&str>) -> Vec<String> {
        let mut overrides = self.set.clone();
        overrides.extend(strategy.map(|strategy| format!("load.strategy={strategy:?}")));
        overrides.extend(etcd.map(|etcd| format!("cluster.etcd={etcd:?}")));
        overrides
    }

    /// Makes a scenario fit the budget, of which each of so many runs has an equal part, and notes how long it will take and what
    /// was shortened.
    pub(super) fn fit(&self, scenario: &mut Scenario, runs: usize) -> Result<(), Failure> {
        let Some(budget) = self.budget else { return Ok(()) };
        let budget = Span(budget.0 / u32::try_from(runs).unwrap_or(u32::MAX).max(1));
        let fit = scenario.fit(budget).map_err(|error| Failure::Usage(format!("{error}; pass a longer --budget")))?;
        let screen = Screen::of_stderr();
        note(screen.message(&format!("budget: {}; predicted: {}", duration(nanos(budget.0)), duration(nanos(fit.predicted.0)))));
        if let Some(shortened) = &fit.shortened {
            let text = described(shortened);
            note(screen.message(&format!("budget: {text}")));
            // The record says so, too.
            scenario.description =
                format!("{} Fitted into {}: {text}.", scenario.description, duration(nanos(budget.0))).trim_start().to_owned();
        }
        Ok(())
    }
}

/// Describes what was shortened and left out.
fn described(shortened: &Shortened) -> String {
    let mut parts =
        vec![format!("the load is shortened from {} to {}", duration(nanos(shortened.from.0)), duration(nanos(shortened.to.0)))];
    if !shortened.left_out.is_empty() {
        let faults = shortened.left_out.iter().map(|(name, at)| format!("{} at {}", name.replace('_', " "), duration(nanos(at.0))));
        parts.push(format!("left out: {}", faults.collect::<Vec<_>>().join(", ")));
    }
    if shortened.objectives_left_out > 0 {
        parts.push(format!("{} about them", counted(shortened.objectives_left_out as u64, "objective")));
    }
    parts.join("; ")
}
