//! Histories of other tools, checked by the general search.

use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use serde_json::json;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::linearizability::import::{jepsen, json_lines};
use ticketcd_judge::linearizability::register::{Judgement, judge};
use ticketcd_judge::linearizability::{Answer, Limit};

use super::super::output::print;
use super::super::{Exit, Failure};
use super::{Args, Format};
use crate::cli::line_limit::LineLimit;
use crate::printable;
use crate::report::RunVerdict;
use crate::report::decide::unmet;
use crate::report::numbers::{count, counted};
use crate::scenario::Expectation;
use crate::scenario::units::Span;
use crate::terminal::{Screen, note};

/// The default time limit of the search.
const TIMEOUT: Span = Span::seconds(60);

pub(super) fn execute(args: &Args) -> Result<Exit, Failure> {
    let path = args.path.display();
    if let Some(Expectation::Violation(Some(check))) = &args.judged.expect {
        let reason = format!("--expect violation:{check} names a check of run directories; for an imported history use --expect violation");
        return Err(Failure::Usage(reason));
    }
    let file = File::open(&args.path).map_err(|error| Failure::Usage(format!("cannot read {path}: {}", io_reason(&error))))?;
    let input = LineLimit::new(BufReader::new(file));
    let registers = match args.format {
        Format::JepsenEtcd => jepsen::read(input),
        Format::Jsonl | Format::Run => json_lines::read(input),
    };
    let registers = registers.map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    let registers = match &args.initial {
        Some(initial) => registers.starting_with(initial),
        None => registers,
    };
    let timeout = args.timeout.unwrap_or(TIMEOUT);
    let began = Instant::now();
    let mut judgement = judge(&registers, timeout.0);
    let seconds = began.elapsed().as_secs_f64();
    let (verdict, exit) = match judgement.answer {
        // Every order is possible, so this shows nothing.
        Answer::Linearizable if judgement.operations == judgement.unknown => (RunVerdict::Unknown, Exit::Unknown),
        Answer::Linearizable => (RunVerdict::Pass, Exit::Pass),
        Answer::NotLinearizable => (RunVerdict::Violation, Exit::Violation),
        Answer::Unknown(_) => (RunVerdict::Unknown, Exit::Unknown),
    };
    let undecided_by = undecided_by(&judgement);
    judgement.explanation.extend(next_step(&judgement, timeout, args.initial.as_deref()));
    if args.judged.json {
        print(&printable::json(&format!("{:#}\n", as_json(&judgement, verdict, undecided_by, seconds))))?;
    } else {
        print(&as_text(&judgement, verdict, &printable::text(&path.to_string()), seconds, Screen::of_stdout()))?;
    }
    let Some(expectation) = &args.judged.expect else { return Ok(exit) };
    let Some(surprise) = unmet(expectation, verdict, &[]) else { return Ok(Exit::Pass) };
    note(surprise);
    Ok(Exit::Unexpected)
}

/// Why there is no verdict, if there is none.
fn undecided_by(judgement: &Judgement) -> Option<&'static str> {
    match judgement.answer {
        Answer::Unknown(Limit::Time) => Some("time"),
        Answer::Unknown(Limit::Memory) => Some("memory"),
        Answer::Unknown(Limit::Steps) => Some("steps"),
        Answer::Linearizable if judgement.operations == judgement.unknown => Some("nothing_answered"),
        Answer::Linearizable | Answer::NotLinearizable => None,
    }
}

/// What a user can do about an outcome, in a sentence.
fn next_step(judgement: &Judgement, timeout: Span, initial: Option<&str>) -> Option<String> {
    match judgement.answer {
        Answer::Unknown(Limit::Time) => {
            Some(format!("The time limit of {timeout} was reached: raise it with --timeout, or check a shorter history."))
        }
        Answer::Unknown(Limit::Memory | Limit::Steps) => Some(
            "More time does not help: check a shorter history, or one with less concurrency or fewer unknown outcomes. A history without \
             compare-and-set in which every value is written once needs no search."
                .to_owned(),
        ),
        Answer::Linearizable if judgement.operations == judgement.unknown => {
            Some("No operation has a known outcome, so there is nothing to check.".to_owned())
        }
        Answer::NotLinearizable => judgement.linearizable_from.as_ref().map(|value| {
            let assumed = initial.unwrap_or("nil");
            let other = if judgement.keys > 1 { "; if registers held different values, put a write for each before the first line" } else { "" };
            format!(
                "Every register was assumed to hold {assumed} initially. With {value} this one would be linearizable: if that was its value, \
                 pass --initial {value}{other}."
            )
        }),
        Answer::Linearizable => None,
    }
}

/// The verdict in a word.
fn word(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "linearizable",
        RunVerdict::Violation => "not linearizable",
        RunVerdict::Unknown | RunVerdict::ObjectiveMissed | RunVerdict::Invalid => "undecided",
    }
}

fn as_text(judgement: &Judgement, verdict: RunVerdict, path: &str, seconds: f64, screen: Screen) -> String {
    let mut text: String = judgement.explanation.iter().map(|sentence| screen.wrapped("", &printable::text(sentence))).collect();
    let Judgement { operations, unknown, keys, steps, .. } = judgement;
    let of = if *keys > 1 { format!(" of {keys} keys") } else { String::new() };
    let (operations, steps) = (counted(*operations, "operation"), counted(*steps, "step"));
    let word = word(verdict);
    let unknown = count(*unknown);
    text.push_str(&format!("{word}: {operations}{of}, {unknown} of unknown outcome, {steps} in {seconds:.3} s: {path}\n"));
    text
}

fn as_json(judgement: &Judgement, verdict: RunVerdict, undecided_by: Option<&str>, seconds: f64) -> serde_json::Value {
    json!({
        "verdict": word(verdict).replace(' ', "_"),
        "undecided_by": undecided_by,
        "operations": judgement.operations,
        "operations_of_unknown_outcome": judgement.unknown,
        "keys": judgement.keys,
        "steps": judgement.steps,
        "seconds": seconds,
        "explanation": judgement.explanation,
    })
}
