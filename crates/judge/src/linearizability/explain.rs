//! Judges a history that was read, and explains what cannot be ordered.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::register::{Action, Register, Value, Values};
use super::unique_values::{self, Conflict};
use super::{Answer, Bound, Checked, Contradiction, History, MEMO_BYTES_MAX, Operation, Parsed, check_with_evidence, check_within};

/// Operations that are named as overlapping, at most.
const OVERLAPPING_MAX: usize = 8;

/// What was found about a history.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict: one key that is not linearizable decides, then one that is undecided.
    pub answer: Answer,
    /// Operations that say something.
    pub operations: u64,
    /// Of these, operations of unknown outcome.
    pub unknown: u64,
    /// Keys.
    pub keys: u64,
    /// Operations tried, each as often as it was. One of a history that was decided without a search counts once.
    pub steps: u64,
    /// The initial value from which the key that is not linearizable would be, if there is one: a value that was read and that no
    /// operation writes.
    pub linearizable_from: Option<String>,
    /// What cannot be ordered, in sentences; empty when everything can.
    pub explanation: Vec<String>,
}

/// Judges a history within a time for each of its keys. One in which nothing was answered is linearizable, and shows nothing.
pub fn judge(parsed: &Parsed, timeout: Duration) -> Judgement {
    let register = Register { initial: parsed.initial };
    let deadline = Instant::now().checked_add(timeout);
    let all = || parsed.histories.iter().flat_map(|history| &history.operations);
    let mut judgement = Judgement {
        answer: Answer::Linearizable,
        operations: all().count() as u64,
        unknown: all().filter(|operation| operation.done.is_none()).count() as u64,
        keys: parsed.histories.len() as u64,
        steps: 0,
        linearizable_from: None,
        explanation: Vec::new(),
    };
    for history in &parsed.histories {
        let left = deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
        let Checked { answer, steps, contradiction } = check_with_evidence(&register, &history.operations, left);
        judgement.steps += steps;
        match answer {
            Answer::Linearizable => {}
            Answer::NotLinearizable => {
                judgement.answer = Answer::NotLinearizable;
                let initial = other_initial(register, &history.operations, timeout);
                judgement.linearizable_from = initial.map(|initial| parsed.values.name(initial).to_owned());
                judgement.explanation = explain(register, history, contradiction, &parsed.values);
                return judgement;
            }
            Answer::Undecided(bound) => {
                judgement.answer = Answer::Undecided(bound);
                judgement.explanation = vec![format!(
                    "The {} operations{} were neither put in an order nor shown to have none: {}, after {steps} steps.",
                    history.operations.len(),
                    of_key(history),
                    reached(bound)
                )];
            }
        }
    }
    judgement
}

/// The initial value from which a history would be linearizable, though it is not from the one assumed. It can only be the one value
/// that the register had at some time and that no operation writes.
fn other_initial(register: Register, operations: &[Operation<Action>], timeout: Duration) -> Option<Value> {
    let mut written = FxHashSet::from_iter([register.initial]);
    written.extend(operations.iter().filter_map(|operation| match operation.action {
        Action::Write(value) | Action::CompareAndSet { to: value, .. } => Some(value),
        Action::Read(_) => None,
    }));
    let found = operations.iter().filter_map(|operation| match operation.action {
        Action::Read(value) | Action::CompareAndSet { from: value, succeeded: Some(true), .. } => Some(value),
        Action::Write(_) | Action::CompareAndSet { .. } => None,
    });
    let unwritten: FxHashSet<Value> = found.filter(|value| !written.contains(value)).collect();
    let mut unwritten = unwritten.into_iter();
    let (Some(initial), None) = (unwritten.next(), unwritten.next()) else { return None };
    (check_within(&Register { initial }, operations, timeout) == Answer::Linearizable).then_some(initial)
}

/// Which bound ended a search, as a clause.
fn reached(bound: Bound) -> String {
    match bound {
        Bound::Time => "the search reached its time limit".to_owned(),
        Bound::Memory => format!("the search reached its memory limit of {} GiB", MEMO_BYTES_MAX >> 30),
        Bound::Steps => "the search reached its limit of steps".to_owned(),
    }
}

fn of_key(history: &History<Action>) -> String {
    if history.key.is_empty() { String::new() } else { format!(" of key {:?}", history.key) }
}

/// Describes the shortest beginning of a history that has no order, and which operation makes it so.
fn explain(register: Register, history: &History<Action>, contradiction: Option<Contradiction<Register>>, values: &Values) -> Vec<String> {
    let of = of_key(history);
    let Some(Contradiction { operations, culprit, refused_in }) = contradiction else {
        return vec![format!("The history{of} has no order; which operation shows it was not found within the time limit.")];
    };
    let operation = &operations[culprit];
    let mut explanation = vec![
        format!(
            "Everything{of} that had returned before line {} can be put in an order; with the operation that returns there nothing can.",
            operation.done_line
        ),
        format!("It is {}.", describe(operation, values)),
    ];
    let mut held: Vec<&str> = refused_in.iter().map(|state| values.name(*state)).collect();
    held.sort_unstable();
    if !held.is_empty() {
        explanation.push(format!("Wherever it is put, the register then holds {}.", held.join(" or ")));
    }
    if let Some(Err(conflict)) = unique_values::decide(&operations, register.initial) {
        explanation.extend(why_unordered(conflict, &operations, register, values));
    }
    let overlapping = |other: &&Operation<Action>| other.line != operation.line && other.done.is_none_or(|done| done > operation.call);
    let (unknown, known): (Vec<_>, Vec<_>) = operations.iter().filter(overlapping).partition(|other| other.done.is_none());
    for (others, what) in
        [(known, "Overlapping operations"), (unknown, "Operations of unknown outcome, possible at any time after their call")]
    {
        if !others.is_empty() {
            let mut named: Vec<String> = others.iter().rev().take(OVERLAPPING_MAX).rev().map(|other| describe(other, values)).collect();
            if others.len() > OVERLAPPING_MAX {
                named.insert(0, format!("{} more", others.len() - OVERLAPPING_MAX));
            }
            explanation.push(format!("{what}: {}.", named.join("; ")));
        }
    }
    explanation
}

/// Why unique values have no order.
fn why_unordered(conflict: Conflict, operations: &[Operation<Action>], register: Register, values: &Values) -> Vec<String> {
    let name = |index: usize| match operations[index].action {
        Action::Read(value) | Action::Write(value) | Action::CompareAndSet { to: value, .. } => values.name(value),
    };
    let operation = |index: usize| describe(&operations[index], values);
    match conflict {
        Conflict::NeverWritten { read } => {
            vec![format!("No operation writes {}, and the register held {} at first.", name(read), values.name(register.initial))]
        }
        Conflict::ReadBeforeWrite { read, write } => {
            vec![format!(
                "{} was read before it was written: {} had returned before {} was called.",
                name(read),
                operation(read),
                operation(write)
            )]
        }
        Conflict::EachBeforeTheOther { one_first, other_first } => {
            let one = name(other_first.1);
            let other = name(one_first.1);
            let first = match one_first.0 {
                Some(earlier) => format!(
                    "{one} came before {other}, because {} had returned before {} was called",
                    operation(earlier),
                    operation(one_first.1)
                ),
                None => format!("{one} came before {other}, because the register held it at first"),
            };
            vec![
                format!("{first}."),
                format!(
                    "However, {other} came before {one}, because {} had returned before {} was called: a contradiction, for each was written once.",
                    operation(other_first.0),
                    operation(other_first.1)
                ),
            ]
        }
    }
}

fn describe(operation: &Operation<Action>, values: &Values) -> String {
    let Operation { process, action, line, done_line, .. } = operation;
    let ends = if *done_line == 0 { String::new() } else { format!(" to {done_line}") };
    format!("process {process}: {} (line {line}{ends})", values.tell(*action))
}
