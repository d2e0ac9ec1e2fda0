//! Narrows a history that is not linearizable down to the operation that makes it so.

use super::search::{Answer, Bounds, decide, search};
use super::{Model, Operation};

/// Steps of the search for the states that the culprit was tried in: they are a detail, and not worth minutes.
const DETAIL_STEPS_MAX: u64 = 1_000_000;

/// The shortest beginning of a history that is not linearizable.
#[derive(Clone, Debug)]
pub struct Contradiction<M: Model> {
    /// The operations of the beginning. Those that had not returned at its end are of unknown outcome.
    pub operations: Vec<Operation<M::Action>>,
    /// The index of the operation whose return ends the beginning: everything that returned before it can be ordered.
    pub culprit: usize,
    /// The states in which that operation was tried and cannot have been answered like that, in the order of their discovery.
    /// Empty when not all of them were found.
    pub refused_in: Vec<M::State>,
}

/// Finds the shortest beginning that is not linearizable; none when a bound was reached first.
pub(super) fn shortest<M: Model>(model: &M, operations: &[Operation<M::Action>], bounds: &Bounds) -> Option<Contradiction<M>> {
    let mut returns: Vec<u64> = operations.iter().filter_map(|operation| operation.done).collect();
    returns.sort_unstable();
    // Beginnings of a linearizable history are linearizable, so the shortest that is not can be found by halving.
    let (mut fine, mut broken) = (0, returns.len());
    while broken - fine > 1 {
        let middle = fine + (broken - fine) / 2;
        match decide(model, &beginning(model, operations, returns[middle - 1]), bounds).0 {
            Answer::Linearizable => fine = middle,
            Answer::NotLinearizable => broken = middle,
            Answer::Undecided(_) => return None,
        }
    }
    let until = *broken.checked_sub(1).and_then(|last| returns.get(last))?;
    let operations = beginning(model, operations, until);
    let culprit = operations.iter().position(|operation| operation.done == Some(until))?;
    let found = search(model, &operations, &Bounds { steps_max: DETAIL_STEPS_MAX, ..*bounds }, Some(culprit));
    // A search that was ended has not seen all of them.
    let is_whole = found.answer == Answer::NotLinearizable;
    let refused_in = if is_whole { found.refused_in.into_iter().collect() } else { Vec::new() };
    Some(Contradiction { operations, culprit, refused_in })
}

/// The history as it was known right after a return: what returned later is of unknown outcome.
fn beginning<M: Model>(model: &M, operations: &[Operation<M::Action>], until: u64) -> Vec<Operation<M::Action>> {
    let known = |operation: &Operation<M::Action>| {
        if operation.done.is_some_and(|done| done <= until) {
            return Some(operation.clone());
        }
        let action = model.unanswered(&operation.action)?;
        Some(Operation { action, done: None, done_line: 0, ..operation.clone() })
    };
    operations.iter().filter(|operation| operation.call <= until).filter_map(known).collect()
}
