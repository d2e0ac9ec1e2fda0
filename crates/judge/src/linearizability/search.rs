//! The search for an order of operations, within limits.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::call_list::{CallList, HEAD, Position};
use super::memo::{Memo, Placed};
use super::{Answer, Model, Operation};

/// Steps between two readings of the clock.
const STEPS_BETWEEN_CLOCK_READINGS: u64 = 4_096;

/// The default limit of memory, in bytes.
pub const MEMORY_BYTES_MAX: usize = 2 << 30;

/// Bytes of a word of the memo.
const WORD_BYTES: usize = 8;

/// How far a search may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take; `None` for no limit.
    pub time_max: Option<Duration>,
    /// Bytes that its memo may take.
    pub memory_bytes_max: usize,
    /// Steps that it may take for one object: a limit that is the same on every machine.
    pub steps_max: u64,
}

impl Default for Limits {
    /// The default limit of memory, and no other.
    fn default() -> Self {
        Self { memory_bytes_max: MEMORY_BYTES_MAX, ..Self::NONE }
    }
}

impl Limits {
    /// No limit.
    pub const NONE: Self = Self { time_max: None, memory_bytes_max: usize::MAX, steps_max: u64::MAX };

    /// The default limit of memory, and a limit of time.
    pub fn of_time(time_max: Duration) -> Self {
        Self { time_max: Some(time_max), ..Self::default() }
    }

    /// When a search that starts now must end; `None` for never.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.time_max.and_then(|time_max| Instant::now().checked_add(time_max))
    }
}

/// The limit that ended a search without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::time_max`].
    Time,
    /// [`Limits::memory_bytes_max`].
    Memory,
    /// [`Limits::steps_max`].
    Steps,
}

/// The result of a search.
#[derive(Debug)]
pub(super) struct Found<State> {
    pub(super) answer: Answer,
    /// Operations tried, each as often as it was.
    pub(super) steps: u64,
    /// The states in which the watched operation was tried and could not be answered as recorded.
    pub(super) refused_in: FxHashSet<State>,
}

/// Searches for an order of operations within limits. `watched` is the index of an operation whose refusing states are collected.
pub(super) fn search<M: Model>(
    model: &M,
    operations: &[Operation<M::Action>],
    limits: &Limits,
    deadline: Option<Instant>,
    watched: Option<usize>,
) -> Found<M::State> {
    let numbers = numbers(operations);
    let answered = operations.iter().filter(|operation| operation.done.is_some()).count();
    let mut list = CallList::new(operations);
    let mut placed = Placed::new(answered, operations.len() - answered);
    let mut memo = Memo::new();
    let mut path: Vec<(Position, M::State)> = Vec::new();
    let mut state = model.initial();
    let mut left = answered;
    let mut found = Found { answer: Answer::Linearizable, steps: 0, refused_in: FxHashSet::default() };
    let mut position = list.next(HEAD);
    while left > 0 {
        found.steps += 1;
        let reached = if memo.words() > limits.memory_bytes_max / WORD_BYTES {
            Some(Limit::Memory)
        } else if found.steps > limits.steps_max {
            Some(Limit::Steps)
        } else if found.steps.is_multiple_of(STEPS_BETWEEN_CLOCK_READINGS) && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(Limit::Time)
        } else {
            None
        };
        if let Some(limit) = reached {
            found.answer = Answer::Unknown(limit);
            return found;
        }
        let call = position.and_then(|position| list.call(position).map(|operation| (position, operation)));
        if let Some((here, operation)) = call {
            let Operation { action, done, .. } = &operations[operation];
            let is_answered = done.is_some();
            match model.step(&state, action) {
                Some(next) => {
                    placed.insert(is_answered, numbers[operation]);
                    if memo.is_new(&placed, &next) {
                        path.push((here, std::mem::replace(&mut state, next)));
                        list.lift(here);
                        left -= usize::from(is_answered);
                        position = list.next(HEAD);
                        continue;
                    }
                    placed.remove(is_answered, numbers[operation]);
                }
                None if watched == Some(operation) => {
                    found.refused_in.insert(state.clone());
                }
                None => {}
            }
            position = list.next(here);
            continue;
        }
        // A return, or the end: the operation that returns here has not been placed, so the last choice was wrong.
        let Some((here, before)) = path.pop() else {
            found.answer = Answer::NotLinearizable;
            return found;
        };
        let operation = list.operation(here);
        let is_answered = operations[operation].done.is_some();
        state = before;
        list.put_back(here);
        placed.remove(is_answered, numbers[operation]);
        left += usize::from(is_answered);
        position = list.next(here);
    }
    found
}

/// The number of each operation among those with an answer, or among those without.
fn numbers<Action>(operations: &[Operation<Action>]) -> Vec<usize> {
    let (mut answered, mut unanswered) = (0, 0);
    let number = |operation: &Operation<Action>| {
        let counter = if operation.done.is_some() { &mut answered } else { &mut unanswered };
        *counter += 1;
        *counter - 1
    };
    operations.iter().map(number).collect()
}
