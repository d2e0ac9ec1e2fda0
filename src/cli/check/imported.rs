//! Histories of other tools, judged by the general search.

use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use serde_json::json;
use ticketcd_judge::linearizable::explain::{Judgement, judge};
use ticketcd_judge::linearizable::search::Answer;
use ticketcd_judge::linearizable::{jepsen, jsonl};

use super::super::output::print;
use super::super::{Exit, Failure};
use super::{Args, Format};
use crate::report::RunVerdict;
use crate::report::decide::unmet;
use crate::report::numbers::counted;
use crate::scenario::Expectation;
use crate::scenario::units::Span;

/// How long to search when nobody says it.
const TIMEOUT: Span = Span::seconds(60);

pub(super) fn execute(args: &Args) -> Result<Exit, Failure> {
    let path = args.path.display();
    if let Some(Expectation::Violation(Some(check))) = &args.judged.expect {
        let reason =
            format!("--expect violation:{check} is about a check of runs; of another format only `--expect violation` can be said");
        return Err(Failure::Usage(reason));
    }
    let file = File::open(&args.path).map_err(|error| Failure::Usage(format!("cannot read {path}: {error}")))?;
    let input = BufReader::new(file);
    let parsed = match args.format {
        Format::JepsenEtcd => jepsen::read(input),
        Format::Jsonl | Format::Run => jsonl::read(input),
    };
    let parsed = parsed.map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    let began = Instant::now();
    let mut judgement = judge(&parsed, args.timeout.unwrap_or(TIMEOUT).0);
    if judgement.operations == judgement.unknown {
        // Any order will do: that is no evidence.
        judgement.answer = Answer::Undecided;
        judgement.story.push("No operation was answered, so there is nothing to judge.".to_owned());
    }
    let seconds = began.elapsed().as_secs_f64();
    let (word, verdict, exit) = match judgement.answer {
        Answer::Linearizable => ("linearizable", RunVerdict::Pass, Exit::Pass),
        Answer::NotLinearizable => ("not linearizable", RunVerdict::Violation, Exit::Violation),
        Answer::Undecided => ("undecided", RunVerdict::Unknown, Exit::Unknown),
    };
    if args.judged.json {
        print(&format!("{:#}\n", as_json(&judgement, word, seconds)))?;
    } else {
        print(&as_text(&judgement, word, &path, seconds))?;
    }
    let Some(expectation) = &args.judged.expect else { return Ok(exit) };
    let Some(surprise) = unmet(expectation, verdict, &[]) else { return Ok(Exit::Pass) };
    eprintln!("{surprise}");
    Ok(Exit::Unexpected)
}

fn as_text(judgement: &Judgement, word: &str, path: &dyn std::fmt::Display, seconds: f64) -> String {
    let mut text: String = judgement.story.iter().map(|sentence| format!("{sentence}\n")).collect();
    let Judgement { operations, unknown, keys, steps, .. } = judgement;
    let of = if *keys > 1 { format!(" of {keys} keys") } else { String::new() };
    let (operations, steps) = (counted(*operations, "operation"), counted(*steps, "step"));
    text.push_str(&format!("{word}: {operations}{of}, {unknown} of unknown end, {steps} in {seconds:.3} s: {path}\n"));
    text
}

fn as_json(judgement: &Judgement, word: &str, seconds: f64) -> serde_json::Value {
    json!({
        "verdict": word.replace(' ', "_"),
        "operations": judgement.operations,
        "operations_of_unknown_end": judgement.unknown,
        "keys": judgement.keys,
        "steps": judgement.steps,
        "seconds": seconds,
        "story": judgement.story,
    })
}
