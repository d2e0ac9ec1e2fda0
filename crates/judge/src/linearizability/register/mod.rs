//! A register: a value that is read, written, and compared-and-set.

mod explain;
mod unique_values;

pub use explain::{Judgement, judge};

use std::fmt;

use rustc_hash::FxHashMap;

use super::{History, Model, Operation};

/// A value by its number in [`Values`]; 0 is no value, which a register holds before the first write unless stated otherwise.
pub type Value = u32;

/// No value.
pub const NOTHING: Value = 0;

/// An operation on a register, with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A read that returned a value.
    Read(Value),
    /// A write of a value.
    Write(Value),
    /// A write on condition that the register holds a value.
    CompareAndSet {
        /// The expected value.
        from: Value,
        /// The value to write.
        to: Value,
        /// Whether it was written; `None` if unknown.
        succeeded: Option<bool>,
    },
}

/// The model of a register.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register {
    /// The value before the first operation.
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

    fn without_answer(&self, action: &Action) -> Option<Action> {
        match *action {
            Action::Read(_) => None,
            Action::Write(value) => Some(Action::Write(value)),
            Action::CompareAndSet { from, to, .. } => Some(Action::CompareAndSet { from, to, succeeded: None }),
        }
    }

    /// A history of reads and writes in which every value that is read was written once needs no search.
    fn shortcut(&self, operations: &[Operation<Action>]) -> Option<bool> {
        unique_values::decide(operations, self.initial).map(|decided| decided.is_ok())
    }
}

/// The histories of registers, as an importer reads them.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    /// The history of each register. Moments are line numbers of the imported file, from 1.
    pub histories: Vec<History<Action>>,
    /// The values by number.
    pub values: Values,
    /// What every register holds before the first operation: [`NOTHING`] unless [`Registers::starting_with`] states otherwise.
    pub initial: Value,
}

impl Registers {
    /// The same histories of registers that initially hold a value. `nil` is no value.
    #[must_use]
    pub fn starting_with(mut self, value: &str) -> Self {
        self.initial = self.values.number(value);
        self
    }

    /// The model of each register.
    pub fn model(&self) -> Register {
        Register { initial: self.initial }
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
    /// The number of a value; that of `nil` is [`NOTHING`].
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

    /// An action in words.
    pub fn describe(&self, action: Action) -> impl fmt::Display {
        match action {
            Action::Read(value) => format!("read {}", self.name(value)),
            Action::Write(value) => format!("write {}", self.name(value)),
            Action::CompareAndSet { from, to, succeeded } => {
                let outcome = match succeeded {
                    Some(true) => "which succeeded",
                    Some(false) => "which failed",
                    None => "of unknown outcome",
                };
                format!("compare-and-set {} to {}, {outcome}", self.name(from), self.name(to))
            }
        }
    }
}
