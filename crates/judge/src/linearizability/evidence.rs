//! Decides histories, and finds the operation that makes one of them not linearizable.

use super::search::{Limits, search};
use super::{Answer, History, Model, Operation, Outcome};

/// Steps of the search for the states of an object before the misfit. They are a detail, and not worth minutes.
const STATES_STEPS_MAX: u64 = 1_000_000;

/// Why a history is not linearizable: the shortest prefix that is not. A prefix ends with a return. Operations in progress at that
/// moment have an unknown outcome in it, since their answers come later.
#[derive(Clone, Debug)]
pub struct Evidence<M: Model> {
    /// The operations of the prefix, in the order of their calls. Up to the return before its last one, they are linearizable.
    pub prefix: Vec<Operation<M::Action>>,
    /// Index in `prefix` of the operation that returns last: it cannot be placed among the others.
    pub misfit: usize,
    /// Every state of the object in which the misfit could be executed, but with another answer. Empty if the search for them
    /// reached a limit.
    pub states: Vec<M::State>,
}

impl<M: Model> Evidence<M> {
    /// The evidence that operations are not linearizable; `None` if a limit was reached first.
    pub(super) fn find(model: &M, operations: &[Operation<M::Action>], limits: &Limits) -> Option<Self> {
        let deadline = limits.deadline();
        let mut returns: Vec<u64> = operations.iter().filter_map(|operation| operation.done).collect();
        returns.sort_unstable();
        // Prefixes of a linearizable history are linearizable, so bisection finds the shortest one that is not.
        let (mut linearizable, mut broken) = (0, returns.len());
        while broken - linearizable > 1 {
            let middle = linearizable + (broken - linearizable) / 2;
            match decide(model, &prefix(model, operations, returns[middle - 1]), limits, deadline).0 {
                Answer::Linearizable => linearizable = middle,
                Answer::NotLinearizable => broken = middle,
                Answer::Unknown(_) => return None,
            }
        }
        let end = *returns.get(broken.checked_sub(1)?)?;
        let prefix = prefix(model, operations, end);
        let misfit = prefix.iter().position(|operation| operation.done == Some(end))?;
        let detail = Limits { steps_max: limits.steps_max.min(STATES_STEPS_MAX), ..*limits };
        let found = search(model, &prefix, &detail, deadline, Some(misfit));
        // A search that reached a limit has not met all of them.
        let is_complete = found.answer == Answer::NotLinearizable;
        let states = if is_complete { found.refused_in.into_iter().collect() } else { Vec::new() };
        Some(Self { prefix, misfit, states })
    }
}

/// Decides every history, up to the first that is not linearizable. The limit of time is for all of them together.
pub(super) fn decide_all<M: Model>(model: &M, histories: &[History<M::Action>], limits: &Limits) -> Outcome<M> {
    let deadline = limits.deadline();
    let mut outcome = Outcome { answer: Answer::Linearizable, history: None, steps: 0, evidence: None };
    for (index, history) in histories.iter().enumerate() {
        let (answer, steps) = decide(model, &history.operations, limits, deadline);
        outcome.steps += steps;
        match answer {
            Answer::Linearizable => {}
            Answer::NotLinearizable => {
                (outcome.answer, outcome.history) = (answer, Some(index));
                break;
            }
            Answer::Unknown(_) => (outcome.answer, outcome.history) = (answer, Some(index)),
        }
    }
    outcome
}

/// Decides the history of one object, with the steps that took.
fn decide<M: Model>(
    model: &M,
    operations: &[Operation<M::Action>],
    limits: &Limits,
    deadline: Option<std::time::Instant>,
) -> (Answer, u64) {
    match model.shortcut(operations) {
        Some(true) => (Answer::Linearizable, operations.len() as u64),
        Some(false) => (Answer::NotLinearizable, operations.len() as u64),
        None => {
            let found = search(model, operations, limits, deadline, None);
            (found.answer, found.steps)
        }
    }
}

/// The history as it was known right after the return at a moment.
fn prefix<M: Model>(model: &M, operations: &[Operation<M::Action>], end: u64) -> Vec<Operation<M::Action>> {
    let known = |operation: &Operation<M::Action>| {
        if operation.done.is_some_and(|done| done <= end) {
            return Some(operation.clone());
        }
        let action = model.without_answer(&operation.action)?;
        Some(Operation { action, done: None, ..operation.clone() })
    };
    operations.iter().filter(|operation| operation.call <= end).filter_map(known).collect()
}
