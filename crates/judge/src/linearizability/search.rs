//! The search itself.

use std::time::Instant;

use rustc_hash::FxHashSet;

use super::linked::{HEAD, Linked, Place};
use super::memo::{Memo, Placed};
use super::{Model, Operation};

/// Steps between two looks at the clock.
const STEPS_BETWEEN_LOOKS: u64 = 4_096;

/// Bytes the memo may take.
pub const MEMO_BYTES_MAX: usize = 2 << 30;

/// Bytes of a word of the memo.
const WORD_BYTES: usize = 8;

/// How far a search may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// When it must end; `None` for never.
    pub(super) deadline: Option<Instant>,
    /// Bytes its memo may take.
    pub(super) memo_bytes_max: usize,
    /// Steps it may take.
    pub(super) steps_max: u64,
}

impl Bounds {
    /// Only the usual bound on memory, and a deadline.
    pub(super) fn until(deadline: Option<Instant>) -> Self {
        Self { deadline, memo_bytes_max: MEMO_BYTES_MAX, steps_max: u64::MAX }
    }
}

/// The bound that ended a search without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Its deadline.
    Time,
    /// The memory of its memo.
    Memory,
    /// Its number of steps.
    Steps,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is an order that explains every answer.
    Linearizable,
    /// There is none.
    NotLinearizable,
    /// Neither was found before the search reached a bound.
    Undecided(Bound),
}

/// A search, with what it learnt about the operation that nothing can be placed beyond.
#[derive(Debug)]
pub(super) struct Found<State> {
    /// How it ended.
    pub(super) answer: Answer,
    /// Operations tried, each as often as it was.
    pub(super) steps: u64,
    /// The states that an operation, named beforehand, was tried in and could not be answered in.
    pub(super) refused_in: FxHashSet<State>,
}

/// Decides a history, without a search where that can be; with the steps it took.
pub(super) fn decide<M: Model>(model: &M, operations: &[Operation<M::Action>], bounds: &Bounds) -> (Answer, u64) {
    match model.decide(operations) {
        Some(true) => (Answer::Linearizable, operations.len() as u64),
        Some(false) => (Answer::NotLinearizable, operations.len() as u64),
        None => {
            let found = search(model, operations, bounds, None);
            (found.answer, found.steps)
        }
    }
}

/// Searches for an order of operations within bounds. `watched` is the index of an operation to tell about.
pub(super) fn search<M: Model>(model: &M, operations: &[Operation<M::Action>], bounds: &Bounds, watched: Option<usize>) -> Found<M::State> {
    let numbers = numbers(operations);
    let known = operations.iter().filter(|operation| operation.done.is_some()).count();
    let mut list = Linked::new(operations);
    let mut placed = Placed::new(known, operations.len() - known);
    let mut memo = Memo::new();
    let mut path: Vec<(Place, M::State)> = Vec::new();
    let mut state = model.initial();
    let mut left = known;
    let mut found = Found { answer: Answer::Linearizable, steps: 0, refused_in: FxHashSet::default() };
    let mut place = list.next(HEAD);
    while left > 0 {
        found.steps += 1;
        let reached = if memo.words() > bounds.memo_bytes_max / WORD_BYTES {
            Some(Bound::Memory)
        } else if found.steps > bounds.steps_max {
            Some(Bound::Steps)
        } else if found.steps.is_multiple_of(STEPS_BETWEEN_LOOKS) && bounds.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(Bound::Time)
        } else {
            None
        };
        if let Some(bound) = reached {
            found.answer = Answer::Undecided(bound);
            return found;
        }
        let call = place.and_then(|place| list.call(place).map(|operation| (place, operation)));
        if let Some((here, operation)) = call {
            let Operation { action, done, .. } = &operations[operation];
            let is_known = done.is_some();
            match model.step(&state, action) {
                Some(next) => {
                    placed.insert(is_known, numbers[operation]);
                    if memo.is_new(&placed, &next) {
                        path.push((here, std::mem::replace(&mut state, next)));
                        list.lift(here);
                        left -= usize::from(is_known);
                        place = list.next(HEAD);
                        continue;
                    }
                    placed.remove(is_known, numbers[operation]);
                }
                None if watched == Some(operation) => {
                    found.refused_in.insert(state.clone());
                }
                None => {}
            }
            place = list.next(here);
            continue;
        }
        // A return, or the end: whoever returns here must have had its place before. The last choice was wrong.
        let Some((here, before)) = path.pop() else {
            found.answer = Answer::NotLinearizable;
            return found;
        };
        let operation = list.operation(here);
        let is_known = operations[operation].done.is_some();
        state = before;
        list.put_back(here);
        placed.remove(is_known, numbers[operation]);
        left += usize::from(is_known);
        place = list.next(here);
    }
    found
}

/// The number of each operation among those with a known end, or among those without.
fn numbers<Action>(operations: &[Operation<Action>]) -> Vec<usize> {
    let (mut known, mut unknown) = (0, 0);
    let number = |operation: &Operation<Action>| {
        let counter = if operation.done.is_some() { &mut known } else { &mut unknown };
        *counter += 1;
        *counter - 1
    };
    operations.iter().map(number).collect()
}
