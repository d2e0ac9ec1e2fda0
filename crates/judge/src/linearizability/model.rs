//! What is checked: operations on an object, and what the object may do.

use std::fmt;

/// An operation on an object. Moments are counted on one clock of any unit. Of two ends at the same moment, the operations overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<Action> {
    /// Who called it.
    pub process: String,
    /// What was requested and answered.
    pub action: Action,
    /// The moment of the call.
    pub call: u64,
    /// The moment of the return, not before the call; `None` if it is unknown whether the operation was executed.
    pub done: Option<u64>,
}

impl<Action> Operation<Action> {
    /// An operation with an answer, from call to return.
    pub fn answered(process: impl Into<String>, action: Action, call: u64, done: u64) -> Self {
        Self { process: process.into(), action, call, done: Some(done) }
    }

    /// An operation of unknown outcome: it takes effect at any moment after its call, or never.
    pub fn unanswered(process: impl Into<String>, action: Action, call: u64) -> Self {
        Self { process: process.into(), action, call, done: None }
    }
}

/// The history of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<Action> {
    /// The name of the object; empty if there is only one.
    pub key: String,
    /// Its operations, in the order of their calls.
    pub operations: Vec<Operation<Action>>,
}

/// What an object does: its states, and which actions lead from one to another.
pub trait Model {
    /// A state of the object. Many are kept in memory, so it should be small.
    type State: Clone + Eq + std::hash::Hash + fmt::Debug;
    /// A request to the object, with its answer.
    type Action: Clone + fmt::Debug;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The state after an action; `None` if the object cannot give this answer in this state.
    fn step(&self, state: &Self::State, action: &Self::Action) -> Option<Self::State>;

    /// The action with its answer removed; `None` if the request alone changes nothing, so that it constrains no other operation.
    fn without_answer(&self, action: &Self::Action) -> Option<Self::Action>;

    /// Decides a history without a search, if the model knows how; `None` starts the search. It must agree with the search.
    fn shortcut(&self, _operations: &[Operation<Self::Action>]) -> Option<bool> {
        None
    }
}
