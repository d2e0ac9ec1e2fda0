//! The general search for linearizability: for histories whose revisions are not trusted, or that have none.
//!
//! A history is linearizable when every operation can be given a moment between its call and its return such that the
//! operations, carried out in the order of those moments, give the answers that were given (Herlihy and Wing, 1990).
//! Whether it is cannot be decided fast in general. The search is that of Wing and Gong with the memo of Lowe ("Testing for
//! linearizability", 2017), as Knossos and Porcupine have it: operations are tried in the order of their calls; a set of
//! operations that led to a state once is not tried again. Keys are searched apart, because linearizability is local.
//!
//! A history of reads and writes in which no value that is read was written twice needs no search: it is decided directly, see
//! `unique_values`.
//!
//! Operations whose outcome is unknown may have happened at any time after their call, or never. The search is bounded in time
//! and memory: without an answer within these bounds the history is undecided, which is no verdict.

//!
//! [`check`](check()), [`check_within`] and [`check_with_evidence`] are the whole interface; a [`Model`] says what an object may do,
//! and [`jepsen`] and [`jsonl`] read histories of registers.

#[cfg(test)]
mod agreement;
mod builder;
mod check;
mod contradiction;
mod edn;
pub mod explain;
pub mod jepsen;
pub mod jsonl;
mod line_error;
mod linked;
mod memo;
pub mod register;
mod search;
#[cfg(test)]
mod tests;
mod unique_values;

use std::fmt;

pub use self::builder::Parsed;
pub use self::check::{Checked, check, check_with_evidence, check_within};
pub use self::contradiction::Contradiction;
pub use self::edn::EdnError;
pub use self::line_error::{LineError, LineProblem};
pub use self::search::{Answer, Bound, MEMO_BYTES_MAX};

/// An operation with its two ends, counted on one clock; nothing else happens at the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<Action> {
    /// Who made it.
    pub process: String,
    /// What was asked and answered.
    pub action: Action,
    /// When it was called.
    pub call: u64,
    /// When it returned; `None` when nobody knows whether it ever did.
    pub done: Option<u64>,
    /// The line of the file that calls it, from 1.
    pub line: u64,
    /// The line at which it returned; 0 when it did not.
    pub done_line: u64,
}

/// What an object may do: its states, and which actions lead from one to another.
pub trait Model {
    /// A state of the object: compact, because many are remembered.
    type State: Clone + Eq + std::hash::Hash + fmt::Debug;
    /// What is done to it, with what was answered.
    type Action: Clone + fmt::Debug;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The state after an action; `None` when it cannot have been answered like that in this state.
    fn step(&self, state: &Self::State, action: &Self::Action) -> Option<Self::State>;

    /// Whether the operations are linearizable, when that can be told without a search.
    fn decide(&self, _operations: &[Operation<Self::Action>]) -> Option<bool> {
        None
    }

    /// The action when its answer is not known; `None` when it then says nothing.
    fn unanswered(&self, action: &Self::Action) -> Option<Self::Action>;
}

/// A history of one key: operations in the order of their calls.
#[derive(Clone, Debug)]
pub struct History<Action> {
    /// The key; empty when the history has no keys.
    pub key: String,
    /// The operations.
    pub operations: Vec<Operation<Action>>,
}
