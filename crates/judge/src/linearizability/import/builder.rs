//! Joins calls with their ends while a file is read.

use rustc_hash::FxHashMap;

use super::{Function, Problem};
use crate::linearizability::register::{Action, NOTHING, Register, Registers, Value, Values};
use crate::linearizability::{History, Model, Operation};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It succeeded, a read with this value.
    Ok(Value),
    /// It succeeded, and the line repeats its arguments.
    OkRepeating([Value; 2]),
    /// A compare-and-set found another value and wrote nothing.
    Mismatch,
    /// The same, and the line repeats its arguments.
    MismatchRepeating([Value; 2]),
    /// It was not executed.
    NotExecuted,
    /// Its outcome is unknown.
    Unknown,
}

/// A call in progress.
#[derive(Debug)]
struct OpenCall {
    function: Function,
    history: usize,
    /// Index of the operation in its history.
    operation: usize,
    line: u64,
}

/// Operations of one register; `None` in place of those that constrain nothing, so that indices stay valid.
type Slots = Vec<Option<Operation<Action>>>;

/// A history that is being read. The moment of a call or an end is the number of its line.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) values: Values,
    keys: FxHashMap<String, usize>,
    histories: Vec<(String, Slots)>,
    /// By process.
    open: FxHashMap<String, OpenCall>,
    calls: u64,
}

impl Builder {
    /// A process calls.
    pub(super) fn call(&mut self, line: u64, process: &str, key: &str, function: Function, arguments: [Value; 2]) -> Result<(), Problem> {
        if let Some(OpenCall { line: since, .. }) = self.open.get(process) {
            return Err(Problem::StillOpen { process: process.to_owned(), since: *since });
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
            Function::Write => Action::Write(arguments[0]),
            Function::CompareAndSet => Action::CompareAndSet { from: arguments[0], to: arguments[1], succeeded: None },
        };
        let operations = &mut self.histories[history].1;
        operations.push(Some(Operation::unanswered(process, action, line)));
        self.open.insert(process.to_owned(), OpenCall { function, history, operation: operations.len() - 1, line });
        self.calls += 1;
        Ok(())
    }

    /// The call of a process ends.
    pub(super) fn end(&mut self, line: u64, process: &str, function: Function, key: Option<&str>, end: End) -> Result<(), Problem> {
        let Some(call) = self.open.remove(process) else { return Err(Problem::NotOpen { process: process.to_owned() }) };
        if call.function != function {
            return Err(Problem::OtherFunction { process: process.to_owned(), called: call.function, ended: function });
        }
        let (own_key, operations) = &mut self.histories[call.history];
        if let Some(key) = key.filter(|key| key != own_key) {
            return Err(Problem::OtherKey { process: process.to_owned(), called: own_key.clone(), ended: key.to_owned() });
        }
        let slot = &mut operations[call.operation];
        let Some(operation) = slot else { return Ok(()) };
        let is_other = match (operation.action, end) {
            (Action::Write(value), End::OkRepeating([repeated, _])) => repeated != value,
            (Action::CompareAndSet { from, to, .. }, End::OkRepeating(repeated) | End::MismatchRepeating(repeated)) => {
                repeated != [from, to]
            }
            _ => false,
        };
        if is_other {
            return Err(Problem::OtherValues { process: process.to_owned(), function, since: call.line });
        }
        let (action, done) = match (operation.action, end) {
            (action, End::Unknown) => (Register::default().without_answer(&action), None),
            (Action::Read(_), End::Ok(value)) => (Some(Action::Read(value)), Some(line)),
            (Action::CompareAndSet { from, to, .. }, End::Ok(_) | End::OkRepeating(_)) => {
                (Some(Action::CompareAndSet { from, to, succeeded: Some(true) }), Some(line))
            }
            (Action::CompareAndSet { from, to, .. }, End::Mismatch | End::MismatchRepeating(_)) => {
                (Some(Action::CompareAndSet { from, to, succeeded: Some(false) }), Some(line))
            }
            (action, End::Ok(_) | End::OkRepeating(_)) => (Some(action), Some(line)),
            (_, End::Mismatch | End::MismatchRepeating(_) | End::NotExecuted) => (None, None),
        };
        match action {
            Some(action) => (operation.action, operation.done) = (action, done),
            None => *slot = None,
        }
        Ok(())
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// The histories. Calls that never ended have an unknown outcome.
    pub(super) fn finish(mut self) -> Registers {
        for call in self.open.into_values() {
            let slot = &mut self.histories[call.history].1[call.operation];
            let action = slot.as_ref().and_then(|operation| Register::default().without_answer(&operation.action));
            if action.is_none() {
                *slot = None;
            }
        }
        let histories = self.histories.into_iter();
        let histories = histories.map(|(key, operations)| History { key, operations: operations.into_iter().flatten().collect() });
        Registers { histories: histories.collect(), values: self.values, initial: NOTHING }
    }
}
