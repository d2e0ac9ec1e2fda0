//! How good the checks are, as a table: every kind of violation planted into many valid runs, and as many runs without one.
//!
//! A kind counts as caught only when the check that it names convicts; an alarm is any anomaly in a valid run. It has no
//! test harness, so that the table is printed by every test run.

use std::process::ExitCode;

use ticketcd_judge::check::engine::Judgement;
use ticketcd_judge::check::standard::check_run;
use ticketcd_judge::check::verdict::Verdict;
use ticketcd_judge::generate::{Plant, Size, run_info, write_run};

/// Runs with each kind of violation.
const RUNS_PER_KIND: u64 = 10;

/// Valid runs.
const VALID_RUNS: u64 = 1_000;

fn main() -> ExitCode {
    // As the harness does: a test that was not asked for is not run.
    let asked = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect::<Vec<_>>();
    if !asked.is_empty() && !asked.iter().any(|name| "mutation_score".contains(name.as_str())) {
        return ExitCode::SUCCESS;
    }
    println!("\n{:<22} {:<14} {:>7} {:>7} {:>7}", "planted", "check", "runs", "caught", "score");
    let (mut planted, mut caught) = (0, 0);
    for plant in Plant::all() {
        let convicted = (1..=RUNS_PER_KIND).filter(|seed| convicts(&judged(&size(*seed), Some(plant)), plant)).count() as u64;
        println!(
            "{:<22} {:<14} {:>7} {:>7} {:>6}%",
            plant.to_string(),
            plant.check(),
            RUNS_PER_KIND,
            convicted,
            convicted * 100 / RUNS_PER_KIND
        );
        (planted, caught) = (planted + RUNS_PER_KIND, caught + convicted);
    }
    let alarms: Vec<u64> = (1..=VALID_RUNS).filter(|seed| alarmed(&judged(&size(*seed), None))).collect();
    println!("mutation score: {caught} of {planted}; false alarms: {} of {VALID_RUNS} valid runs\n", alarms.len());
    if !alarms.is_empty() {
        println!("false alarms with the seeds {alarms:?}");
    }
    if caught == planted && alarms.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs of all sizes that a check may meet when there is little to look at.
fn size(seed: u64) -> Size {
    let within = |least: u64, most: u64, step: u64| least + seed.wrapping_mul(step) % (most - least + 1);
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Size { operations: within(200, 900, 131), tickets: small(within(1, 9, 5)), buyers: small(within(3, 30, 7)), seed }
}

fn judged(size: &Size, plant: Option<Plant>) -> Judgement {
    let directory = tempfile::tempdir().expect("a temporary directory");
    write_run(directory.path(), &run_info(size, plant), size, plant).expect("a run that can be written");
    check_run(directory.path()).expect("a run that can be judged")
}

fn convicts(judgement: &Judgement, plant: Plant) -> bool {
    judgement.findings.iter().any(|finding| finding.name == plant.check() && finding.verdict == Verdict::Violation)
}

fn alarmed(judgement: &Judgement) -> bool {
    judgement.verdict == Verdict::Violation || judgement.findings.iter().any(|finding| !finding.anomalies.is_empty())
}
