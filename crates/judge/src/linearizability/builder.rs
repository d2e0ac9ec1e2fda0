//! Joins calls with their returns while a file is read.

use rustc_hash::FxHashMap;

use super::line_error::{LineError, LineProblem};
use super::register::{Action, NOTHING, Register, Value, Values};
use super::{History, Model, Operation};

/// A history that was read.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The operations of each key.
    pub histories: Vec<History<Action>>,
    /// The values by number.
    pub values: Values,
    /// What every register holds before the first operation: [`NOTHING`] unless [`Parsed::starting_with`] says otherwise.
    pub initial: Value,
}

impl Parsed {
    /// The same history of registers that hold a value from the start. The readers write nothing as `nil`.
    #[must_use]
    pub fn starting_with(mut self, value: &str) -> Self {
        self.initial = self.values.number(value);
        self
    }
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Read,
    Write,
    CompareAndSet,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was answered, a read with this value.
    Ok(Value),
    /// It was answered, and the line repeats what was called.
    OkOf([Value; 2]),
    /// A compare-and-set found another value, and wrote nothing.
    Different,
    /// The same, and the line repeats what was called.
    DifferentOf([Value; 2]),
    /// It did not happen.
    NotDone,
    /// Nobody knows.
    Unknown,
}

/// A history that is being read.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) values: Values,
    keys: FxHashMap<String, usize>,
    histories: Vec<(String, Vec<Option<Operation<Action>>>)>,
    /// By process: the function, the history and the place of its call in it.
    open: FxHashMap<String, (Function, usize, usize)>,
    clock: u64,
    calls: u64,
}

impl Builder {
    /// A process calls.
    pub(super) fn call(&mut self, line: u64, process: &str, key: &str, function: Function, values: [Value; 2]) -> Result<(), LineError> {
        if let Some((_, history, place)) = self.open.get(process) {
            let since = self.histories[*history].1[*place].as_ref().map_or(0, |operation| operation.line);
            return Err(LineProblem::StillOpen { process: process.to_owned(), since }.at(line));
        }
        let history = match self.keys.get(key) {
            Some(history) => *history,
            None => {
                self.histories.push((key.to_owned(), Vec::new()));
                self.keys.insert(key.to_owned(), self.histories.len() - 1);
                self.histories.len() - 1
            }
        };
        let action = match function {
            Function::Read => Action::Read(NOTHING),
            Function::Write => Action::Write(values[0]),
            Function::CompareAndSet => Action::CompareAndSet { from: values[0], to: values[1], succeeded: None },
        };
        let call = self.tick();
        let operations = &mut self.histories[history].1;
        operations.push(Some(Operation { process: process.to_owned(), action, call, done: None, line, done_line: 0 }));
        self.open.insert(process.to_owned(), (function, history, operations.len() - 1));
        self.calls += 1;
        Ok(())
    }

    /// The call of a process ends.
    pub(super) fn end(&mut self, line: u64, process: &str, function: Function, key: Option<&str>, end: End) -> Result<(), LineError> {
        let Some((called, history, place)) = self.open.remove(process) else {
            return Err(LineProblem::NothingOpen { process: process.to_owned() }.at(line));
        };
        let process = || process.to_owned();
        if called != function {
            return Err(LineProblem::OtherFunction { process: process(), called: called.name(), ended: function.name() }.at(line));
        }
        let (own_key, operations) = &mut self.histories[history];
        if let Some(key) = key.filter(|key| key != own_key) {
            return Err(LineProblem::OtherKey { process: process(), called: own_key.clone(), ended: key.to_owned() }.at(line));
        }
        self.clock += 1;
        let slot = &mut operations[place];
        let Some(operation) = slot else { return Ok(()) };
        let other_values = |called: u64| LineProblem::OtherValues { process: process(), function: function.name(), line: called }.at(line);
        let end = match (operation.action, end) {
            (Action::Write(value), End::OkOf([repeated, _])) if repeated != value => return Err(other_values(operation.line)),
            (Action::CompareAndSet { from, to, .. }, End::OkOf(repeated) | End::DifferentOf(repeated)) if repeated != [from, to] => {
                return Err(other_values(operation.line));
            }
            (_, End::OkOf(_)) => End::Ok(NOTHING),
            (_, End::DifferentOf(_)) => End::Different,
            (_, end) => end,
        };
        let action = match (operation.action, end) {
            (Action::Read(_), End::Ok(value)) => Some(Action::Read(value)),
            (Action::CompareAndSet { from, to, .. }, End::Ok(_) | End::Different) => {
                Some(Action::CompareAndSet { from, to, succeeded: Some(end != End::Different) })
            }
            (action, End::Ok(_) | End::OkOf(_)) => Some(action),
            (_, End::Different | End::DifferentOf(_) | End::NotDone) => None,
            (action, End::Unknown) => {
                *slot = Register::default().unanswered(&action).map(|action| Operation { action, ..operation.clone() });
                return Ok(());
            }
        };
        match action {
            Some(action) => (operation.action, operation.done, operation.done_line) = (action, Some(self.clock), line),
            None => *slot = None,
        }
        Ok(())
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// The history. Calls that never ended are of unknown end.
    pub(super) fn finish(mut self) -> Parsed {
        for (function, history, place) in self.open.into_values() {
            if function == Function::Read {
                self.histories[history].1[place] = None;
            }
        }
        let histories = self.histories.into_iter();
        let histories = histories.map(|(key, operations)| History { key, operations: operations.into_iter().flatten().collect() });
        Parsed { histories: histories.collect(), values: self.values, initial: NOTHING }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Function {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::CompareAndSet => "cas",
        }
    }

    /// The function of a name.
    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::CompareAndSet].into_iter().find(|function| function.name() == name)
    }
}
