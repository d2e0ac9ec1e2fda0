//! The mutation score of the checks, as a table: many runs of each mutation, and valid runs.
//!
//! A mutation counts as detected only when its check reports its kind of anomaly; a false alarm
//! is any anomaly in a valid run. The valid runs are of every strategy in turn, so that every layout of the stock is among
//! them. It has no test harness, so that the table is printed by every test run.

use std::process::ExitCode;

use ticketcd_history::run_info::RunInfo;
use ticketcd_judge::checks::check_run;
use ticketcd_judge::core::engine::Judgement;
use ticketcd_judge::core::verdict::Verdict;
use ticketcd_synth::{GenerateError, Mutation, Size, Strategy, run_info, run_info_of, write_run};

/// Runs with each kind of violation.
const RUNS_PER_KIND: u64 = 10;

/// Valid runs.
const VALID_RUNS: u64 = 1_000;

fn main() -> ExitCode {
    // Like the test harness: without a match for the filter nothing runs.
    let asked = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect::<Vec<_>>();
    if !asked.is_empty() && !asked.iter().any(|name| "mutation_score".contains(name.as_str())) {
        return ExitCode::SUCCESS;
    }
    println!("\n{:<24} {:<13} {:<14} {:>5} {:>7} {:>6}", "mutation", "check", "strategy", "runs", "caught", "score");
    let (mut runs, mut caught) = (0, 0);
    for mutation in Mutation::all() {
        let run = |seed: &u64| judged(&run_info(&size(*seed), Some(mutation)), &size(*seed), Some(mutation));
        let rejected = (1..=RUNS_PER_KIND).filter(|seed| run(seed).is_ok_and(|judgement| rejects(&judgement, mutation))).count() as u64;
        println!(
            "{:<24} {:<13} {:<14} {:>5} {:>7} {:>5}%",
            mutation.to_string(),
            mutation.check(),
            mutation.strategy().to_string(),
            RUNS_PER_KIND,
            rejected,
            rejected * 100 / RUNS_PER_KIND
        );
        (runs, caught) = (runs + RUNS_PER_KIND, caught + rejected);
    }
    let mut alarms: Vec<String> = Vec::new();
    for (seed, strategy) in (1..=VALID_RUNS).zip(Strategy::ALL.into_iter().cycle()) {
        let judgement = judged(&run_info_of(&size(seed), strategy), &size(seed), None).expect("a run that can be written");
        alarms.extend(alarmed(&judgement).map(|check| format!("{strategy} with seed {seed}: {check}")));
    }
    println!("mutation score: {caught} of {runs}; false alarms: {} of {VALID_RUNS} valid runs\n", alarms.len());
    alarms.iter().for_each(|alarm| println!("false alarm: {alarm}"));
    if caught == runs && alarms.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Small runs of all sizes.
fn size(seed: u64) -> Size {
    let within = |least: u64, most: u64, step: u64| least + seed.wrapping_mul(step) % (most - least + 1);
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Size { operations: within(200, 900, 131), tickets: small(within(1, 9, 5)), buyers: small(within(3, 30, 7)), seed }
}

fn judged(info: &RunInfo, size: &Size, mutation: Option<Mutation>) -> Result<Judgement, GenerateError> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    write_run(directory.path(), info, size, mutation)?;
    Ok(check_run(directory.path()).expect("a run that can be judged"))
}

fn rejects(judgement: &Judgement, mutation: Mutation) -> bool {
    judgement.findings.iter().any(|finding| {
        let found = finding.anomalies.iter().any(|group| group.kind == mutation.anomaly());
        finding.name == mutation.check() && finding.verdict == Verdict::Violation && found
    })
}

/// The first check that finds anything.
fn alarmed(judgement: &Judgement) -> Option<&str> {
    judgement.findings.iter().find(|finding| !finding.anomalies.is_empty()).map(|finding| finding.name.as_str())
}
