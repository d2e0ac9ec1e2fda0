//! Judges the histories of registers, and explains in English which operation contradicts the others.

use std::time::Duration;

use rustc_hash::FxHashSet;

use super::unique_values::{self, Conflict};
use super::{Action, Register, Registers, Value, Values};
use crate::linearizability::{
    Answer, Evidence, History, Limit, Limits, MEMORY_BYTES_MAX, Operation, Outcome, check_with_evidence, check_within,
};

/// The most overlapping operations that are named.
const OVERLAPPING_MAX: usize = 8;

/// The verdict on the histories of registers.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The answer.
    pub answer: Answer,
    /// Operations that constrain the order.
    pub operations: u64,
    /// Of these, operations of unknown outcome.
    pub unknown: u64,
    /// Registers.
    pub keys: u64,
    /// Operations tried, each as often as it was.
    pub steps: u64,
    /// The initial value from which the register that is not linearizable would be, if there is one: a value that was read and that
    /// no operation writes.
    pub linearizable_from: Option<String>,
    /// What is known of a history that is not linearizable or undecided, in sentences; empty if all are linearizable.
    pub explanation: Vec<String>,
}

/// Judges the histories of registers within a time. If no operation was answered they are linearizable, which shows nothing.
pub fn judge(registers: &Registers, time_max: Duration) -> Judgement {
    let (model, limits) = (registers.model(), Limits::of_time(time_max));
    let outcome = check_with_evidence(&model, &registers.histories, &limits);
    let decisive = outcome.history.map(|history| &registers.histories[history]);
    let all = || registers.histories.iter().flat_map(|history| &history.operations);
    let initial = decisive.filter(|_| outcome.answer == Answer::NotLinearizable);
    let initial = initial.and_then(|history| other_initial(model, history, &limits));
    Judgement {
        answer: outcome.answer,
        operations: all().count() as u64,
        unknown: all().filter(|operation| operation.done.is_none()).count() as u64,
        keys: registers.histories.len() as u64,
        steps: outcome.steps,
        linearizable_from: initial.map(|initial| registers.values.name(initial).to_owned()),
        explanation: decisive.map_or_else(Vec::new, |history| explain(&outcome, history, registers)),
    }
}

/// The initial value from which a history that is not linearizable would be. It can only be the one value that the register held at
/// some moment and that no operation writes.
fn other_initial(register: Register, history: &History<Action>, limits: &Limits) -> Option<Value> {
    let operations = &history.operations;
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
    let answer = check_within(&Register { initial }, std::slice::from_ref(history), limits);
    (answer == Answer::Linearizable).then_some(initial)
}

fn explain(outcome: &Outcome<Register>, history: &History<Action>, registers: &Registers) -> Vec<String> {
    let of = if history.key.is_empty() { String::new() } else { format!(" of key {:?}", history.key) };
    let Outcome { answer, steps, evidence, .. } = outcome;
    match (answer, evidence) {
        (Answer::Linearizable, _) => Vec::new(),
        (Answer::Unknown(limit), _) => {
            let limit = match limit {
                Limit::Time => "time limit".to_owned(),
                Limit::Memory => format!("memory limit of {} GiB", MEMORY_BYTES_MAX >> 30),
                Limit::Steps => "limit of steps".to_owned(),
            };
            let operations = history.operations.len();
            vec![format!(
                "The {operations} operations{of} are undecided: the search reached its {limit} after {steps} steps without finding a \
                 valid order or excluding one."
            )]
        }
        (Answer::NotLinearizable, None) => {
            vec![format!("The history{of} is not linearizable. The search for the operation that shows it reached a limit.")]
        }
        (Answer::NotLinearizable, Some(evidence)) => explain_evidence(evidence, &of, registers),
    }
}

fn explain_evidence(evidence: &Evidence<Register>, of: &str, registers: &Registers) -> Vec<String> {
    let Evidence { prefix, misfit, states } = evidence;
    let Registers { values, initial, .. } = registers;
    let operation = &prefix[*misfit];
    let line = operation.done.unwrap_or_default();
    let mut explanation = vec![
        format!(
            "All operations{of} that returned before line {line} have a valid order. The operation that returns on line {line} fits nowhere."
        ),
        format!("It is {}.", describe(operation, values)),
    ];
    let mut held: Vec<&str> = states.iter().map(|state| values.name(*state)).collect();
    held.sort_unstable();
    if !held.is_empty() {
        explanation.push(format!("Wherever it is placed, the register holds {} at that point.", held.join(" or ")));
    }
    if let Some(Err(conflict)) = unique_values::decide(prefix, *initial) {
        explanation.extend(contradiction(conflict, prefix, *initial, values));
    }
    let others = prefix.iter().enumerate().filter(|(index, _)| index != misfit).map(|(_, other)| other);
    let overlapping = others.filter(|other| other.done.is_none_or(|done| done > operation.call));
    let (unknown, known): (Vec<_>, Vec<_>) = overlapping.partition(|other| other.done.is_none());
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
fn contradiction(conflict: Conflict, operations: &[Operation<Action>], initial: Value, values: &Values) -> Vec<String> {
    let name = |index: usize| match operations[index].action {
        Action::Read(value) | Action::Write(value) | Action::CompareAndSet { to: value, .. } => values.name(value),
    };
    let operation = |index: usize| describe(&operations[index], values);
    let returned_before = |earlier, later| format!("{} returned before {} was called", operation(earlier), operation(later));
    match conflict {
        Conflict::NeverWritten { read } => {
            vec![format!("No operation writes {}, and the register initially held {}.", name(read), values.name(initial))]
        }
        Conflict::ReadBeforeWrite { read, write } => {
            vec![format!("{} was read before it was written: {}.", name(read), returned_before(read, write))]
        }
        Conflict::EachBeforeTheOther { one_first, other_first } => {
            let (one, other) = (name(other_first.1), name(one_first.1));
            let reason = match one_first.0 {
                Some(earlier) => returned_before(earlier, one_first.1),
                None => "the register initially held it".to_owned(),
            };
            vec![
                format!("{one} precedes {other}, because {reason}."),
                format!(
                    "However, {other} precedes {one}, because {}: a contradiction, since each value was written once.",
                    returned_before(other_first.0, other_first.1)
                ),
            ]
        }
    }
}

fn describe(operation: &Operation<Action>, values: &Values) -> String {
    let Operation { process, action, call, done } = operation;
    let lines = match done {
        Some(done) => format!("lines {call} to {done}"),
        None => format!("line {call}"),
    };
    format!("process {process}: {} ({lines})", values.describe(*action))
}
