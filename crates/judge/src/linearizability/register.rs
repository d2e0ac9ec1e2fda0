//! A register: it is read, written, and written when it has a certain value.

use std::fmt;

use rustc_hash::FxHashMap;

use super::{Model, Operation, unique_values};

/// A value by its number in [`Values`]; 0 is nothing, which a register holds before the first write unless said otherwise.
pub type Value = u32;

/// No value.
pub const NOTHING: Value = 0;

/// What is done to a register, with what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was read.
    Read(Value),
    /// It was written.
    Write(Value),
    /// It was to be written if it had a value.
    CompareAndSet {
        /// That value.
        from: Value,
        /// The value to be written.
        to: Value,
        /// Whether it was; `None` when nobody knows.
        succeeded: Option<bool>,
    },
}

/// The register.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register {
    /// What it holds before the first operation.
    pub initial: Value,
}

impl Model for Register {
    type State = Value;
    type Action = Action;

    fn initial(&self) -> Value {
        self.initial
    }

    fn step(&self, state: &Value, action: &Action) -> Option<Value> {
        match *action {
            Action::Read(value) => (value == *state).then_some(*state),
            Action::Write(value) => Some(value),
            Action::CompareAndSet { from, to, succeeded } => match (from == *state, succeeded) {
                (true, Some(true) | None) => Some(to),
                (false, Some(false) | None) => Some(*state),
                _ => None,
            },
        }
    }

    fn decide(&self, operations: &[Operation<Action>]) -> Option<bool> {
        unique_values::decide(operations, self.initial).map(|decided| decided.is_ok())
    }

    fn unanswered(&self, action: &Action) -> Option<Action> {
        match *action {
            Action::Read(_) => None,
            Action::Write(value) => Some(Action::Write(value)),
            Action::CompareAndSet { from, to, .. } => Some(Action::CompareAndSet { from, to, succeeded: None }),
        }
    }
}

/// The values of a history, by number.
#[derive(Clone, Debug)]
pub struct Values {
    numbers: FxHashMap<String, Value>,
    names: Vec<String>,
}

impl Default for Values {
    fn default() -> Self {
        let nothing = "nil".to_owned();
        Self { numbers: FxHashMap::from_iter([(nothing.clone(), NOTHING)]), names: vec![nothing] }
    }
}

impl Values {
    /// The number of a value. Nothing is written `nil`.
    pub fn number(&mut self, name: &str) -> Value {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = Value::try_from(self.names.len()).unwrap_or(Value::MAX);
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The value of a number.
    pub fn name(&self, number: Value) -> &str {
        self.names.get(number as usize).map_or("?", String::as_str)
    }

    /// An action, for a person to read.
    pub fn tell(&self, action: Action) -> impl fmt::Display {
        match action {
            Action::Read(value) => format!("read {}", self.name(value)),
            Action::Write(value) => format!("write {}", self.name(value)),
            Action::CompareAndSet { from, to, succeeded } => {
                let how = match succeeded {
                    Some(true) => "which succeeded",
                    Some(false) => "which failed",
                    None => "of unknown end",
                };
                format!("compare-and-set {} to {}, {how}", self.name(from), self.name(to))
            }
        }
    }
}
