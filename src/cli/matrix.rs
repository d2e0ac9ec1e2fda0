//! Several strategies or versions of etcd: the same plan for each, one table.

use std::fs;

use ticketcd_judge::history::io_reason;

use crate::printable;
use crate::report::index::INDEX;
use crate::report::matrix::{MatrixResult, MatrixRow, SCHEMA_VERSION, render, worst};
use crate::report::{for_people, summary};
use crate::run::{self, RunOptions, directory};
use crate::scenario;
use crate::terminal::{Screen, note};

use super::outcome::{Judged, exit_of};
use super::output::print;
use super::report::refresh_index;
use super::run_flags::RunFlags;
use super::{Exit, Failure};

/// Runs the scenario with every strategy on every version.
pub(super) async fn compare(name: &str, flags: &RunFlags, seed: u64, judged: &Judged) -> Result<Exit, Failure> {
    if judged.expect.is_some() {
        return Err(Failure::Usage("--expect applies to a single run; pass one strategy and one etcd version with it".to_owned()));
    }
    let mut plans = Vec::new();
    for etcd in either(&flags.etcd) {
        for strategy in either(&flags.strategy) {
            let mut scenario = scenario::load(name, &flags.overrides(strategy, etcd))?;
            flags.fit(&mut scenario, flags.strategy.len().max(1) * flags.etcd.len().max(1))?;
            let directory = format!("{}-{}", plans.len() + 1, strategy.unwrap_or("run"));
            let named = scenario.cluster.etcd.as_ref().map(|etcd| format!(" on {etcd}")).unwrap_or_default();
            let named = format!("{}{named}", scenario.load.strategy.name());
            plans.push((directory, named, scenario));
        }
    }
    let parent = match &flags.out {
        Some(path) => directory::create(path),
        None => directory::create_default("matrix"),
    };
    let parent = parent.map_err(|error| Failure::Usage(error.to_string()))?;
    let mut matrix = MatrixResult {
        schema_version: SCHEMA_VERSION,
        scenario: plans.first().map(|(.., scenario)| scenario.name.clone()).unwrap_or_default(),
        seed,
        interrupted: false,
        rows: Vec::new(),
        not_run: plans.iter().map(|(_, named, _)| named.clone()).collect(),
    };
    for (directory, _, scenario) in plans {
        let options = RunOptions { scenario, seed, directory: Some(parent.join(&directory)), fail_fast: flags.fail_fast };
        let finished = run::run(options).await?;
        let screen = Screen::of_stderr();
        note(summary::brief(&for_people(&finished.result), screen));
        note(format_args!("{}\n", summary::last_line(&finished.result, &finished.directory, screen)));
        matrix.not_run.remove(0);
        matrix.interrupted = finished.result.interrupted;
        matrix.rows.push(MatrixRow::new(&finished.result, directory));
        // Written after each run: the finished rows survive a failure of the next run.
        let path = parent.join("matrix.json");
        fs::write(&path, json(&matrix)?)
            .map_err(|error| Failure::NotCarriedOut(format!("cannot write {}: {}", path.display(), io_reason(&error))))?;
        refresh_index(&parent);
        if matrix.interrupted {
            break;
        }
    }
    if judged.json {
        print(&json(&matrix)?)?;
    } else {
        print(&render(&matrix, Screen::of_stdout()))?;
    }
    note(format_args!("seed {seed} · {}/{INDEX} · {}/matrix.json", parent.display(), parent.display()));
    Ok(exit_of(worst(&matrix.rows)))
}

fn json(matrix: &MatrixResult) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(matrix).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(format!("{}\n", printable::json(&text)))
}

/// Each of the values, or none once.
fn either(values: &[String]) -> Vec<Option<&str>> {
    if values.is_empty() { vec![None] } else { values.iter().map(|value| Some(value.as_str())).collect() }
}
