//! Judges a history that was read, and tells what cannot be ordered.

use std::time::{Duration, Instant};

use super::register::{Action, Register, Values};
use super::search::{Answer, search};
use super::{History, Model, Operation};

pub use super::builder::Parsed;

/// Operations that are told as overlapping, at most.
const TOLD_MAX: usize = 8;

/// What was found about a history.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict: one key that is not linearizable decides, then one that is undecided.
    pub answer: Answer,
    /// Operations that say something.
    pub operations: u64,
    /// Of these, operations of unknown end.
    pub unknown: u64,
    /// Keys.
    pub keys: u64,
    /// Operations tried, each as often as it was.
    pub steps: u64,
    /// What cannot be ordered, in sentences; empty when everything can.
    pub story: Vec<String>,
}

/// Judges a history within a time. One in which nothing was answered is linearizable, and shows nothing.
pub fn judge(parsed: &Parsed, timeout: Duration) -> Judgement {
    let deadline = Instant::now().checked_add(timeout);
    let all = || parsed.histories.iter().flat_map(|history| &history.operations);
    let mut judgement = Judgement {
        answer: Answer::Linearizable,
        operations: all().count() as u64,
        unknown: all().filter(|operation| operation.done.is_none()).count() as u64,
        keys: parsed.histories.len() as u64,
        steps: 0,
        story: Vec::new(),
    };
    for history in &parsed.histories {
        let found = search(&Register, &history.operations, deadline, None);
        judgement.steps += found.steps;
        match found.answer {
            Answer::Linearizable => {}
            Answer::NotLinearizable => {
                judgement.answer = Answer::NotLinearizable;
                // Finding it took less than the timeout, and each step of narrowing it down takes no more.
                judgement.story = explain(history, &parsed.values, Instant::now().checked_add(timeout));
                return judgement;
            }
            Answer::Undecided => {
                judgement.answer = Answer::Undecided;
                let of = if history.key.is_empty() { String::new() } else { format!(" of key {:?}", history.key) };
                judgement.story = vec![format!(
                    "The {} operations{of} were neither put in an order nor shown to have none in the time given.",
                    history.operations.len()
                )];
            }
        }
    }
    judgement
}

/// Tells the smallest beginning of a history that has no order, and what in it is to blame.
pub fn explain(history: &History<Action>, values: &Values, deadline: Option<Instant>) -> Vec<String> {
    let mut returns: Vec<u64> = history.operations.iter().filter_map(|operation| operation.done).collect();
    returns.sort_unstable();
    // Beginnings of a linearizable history are linearizable, so the shortest that is not can be found by halving.
    let (mut fine, mut broken) = (0, returns.len());
    let mut narrowed = true;
    while broken - fine > 1 {
        let middle = fine + (broken - fine) / 2;
        match search(&Register, &beginning(&Register, &history.operations, returns[middle - 1]), deadline, None).answer {
            Answer::Linearizable => fine = middle,
            Answer::NotLinearizable => broken = middle,
            Answer::Undecided => {
                narrowed = false;
                break;
            }
        }
    }
    let Some(until) = broken.checked_sub(1).and_then(|last| returns.get(last)) else { return Vec::new() };
    let operations = beginning(&Register, &history.operations, *until);
    let Some(culprit) = operations.iter().position(|operation| operation.done == Some(*until)) else { return Vec::new() };
    let of = if history.key.is_empty() { String::new() } else { format!(" of key {:?}", history.key) };
    if !narrowed {
        return vec![format!("The history{of} has no order; what shows it could not be narrowed down in the time given.")];
    }
    let found = search(&Register, &operations, deadline, Some(culprit));
    let operation = &operations[culprit];
    let mut story = vec![
        format!(
            "Everything{of} that had returned before line {} can be put in an order; with the operation that returns there nothing can.",
            operation.done_line
        ),
        format!("It is {}.", tell(operation, values)),
    ];
    let mut held: Vec<&str> = found.refused_in.iter().map(|state| values.name(*state)).collect();
    held.sort_unstable();
    if !held.is_empty() {
        story.push(format!("Wherever it is put, the register then holds {}.", held.join(" or ")));
    }
    let overlapping = |other: &&Operation<Action>| other.line != operation.line && other.done.is_none_or(|done| done > operation.call);
    let (unknown, known): (Vec<_>, Vec<_>) = operations.iter().filter(overlapping).partition(|other| other.done.is_none());
    for (others, what) in
        [(known, "At the same time there were"), (unknown, "Of unknown end, and so possible at any time after their call, were")]
    {
        if !others.is_empty() {
            let mut told: Vec<String> = others.iter().rev().take(TOLD_MAX).rev().map(|other| tell(other, values)).collect();
            if others.len() > TOLD_MAX {
                told.insert(0, format!("{} more", others.len() - TOLD_MAX));
            }
            story.push(format!("{what}: {}.", told.join("; ")));
        }
    }
    story
}

/// The history as it was known right after a return: what returned later is of unknown end.
fn beginning<M: Model>(model: &M, operations: &[Operation<M::Action>], until: u64) -> Vec<Operation<M::Action>>
where
    M::Action: Clone,
{
    let known = |operation: &Operation<M::Action>| {
        if operation.done.is_some_and(|done| done <= until) {
            return Some(operation.clone());
        }
        let action = model.unanswered(&operation.action)?;
        Some(Operation { action, done: None, done_line: 0, ..operation.clone() })
    };
    operations.iter().filter(|operation| operation.call <= until).filter_map(known).collect()
}

fn tell(operation: &Operation<Action>, values: &Values) -> String {
    let Operation { process, action, line, done_line, .. } = operation;
    let ends = if *done_line == 0 { String::new() } else { format!(" to {done_line}") };
    format!("process {process}: {} (line {line}{ends})", values.tell(*action))
}
