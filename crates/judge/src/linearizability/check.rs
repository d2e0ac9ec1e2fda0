//! The three questions that can be asked about a history: the answer, the answer within a time, the answer with its evidence.
//!
//! ```
//! use ticketcd_judge::linearizability::register::{Action, NOTHING, Register};
//! use ticketcd_judge::linearizability::{Answer, Operation, check, check_with_evidence};
//! # use std::time::Duration;
//!
//! let operation = |process: &str, action, call, done| Operation { process: process.to_owned(), action, call, done, line: 0, done_line: 0 };
//! let register = Register { initial: NOTHING };
//!
//! // The outcome of the write is unknown: its client never received a response.
//! let write = operation("ann", Action::Write(7), 0, None);
//! let read_nothing = operation("bob", Action::Read(NOTHING), 10, Some(20));
//! let read_seven = operation("bob", Action::Read(7), 30, Some(40));
//!
//! // It may have been applied at any time after it was called, so bob may read nothing first and 7 later …
//! let history = [write.clone(), read_nothing.clone(), read_seven.clone()];
//! assert_eq!(check(&register, &history), Answer::Linearizable);
//! // … or never, …
//! assert_eq!(check(&register, &[write.clone(), read_nothing]), Answer::Linearizable);
//! // … but once 7 was read, the register cannot hold nothing again.
//! let again = operation("bob", Action::Read(NOTHING), 50, Some(60));
//! let checked = check_with_evidence(&register, &[write, read_seven, again], Duration::from_secs(1));
//! assert_eq!(checked.answer, Answer::NotLinearizable);
//! let contradiction = checked.contradiction.unwrap();
//! assert_eq!(contradiction.operations[contradiction.culprit].call, 50);
//! assert_eq!(contradiction.refused_in, [7]);
//! ```

use std::time::{Duration, Instant};

use super::contradiction::{Contradiction, shortest};
use super::search::{Answer, Bounds, decide};
use super::{Model, Operation};

/// What was found about a history.
#[derive(Clone, Debug)]
pub struct Checked<M: Model> {
    /// The answer.
    pub answer: Answer,
    /// Operations tried, each as often as it was. One of a history that was decided without a search counts once.
    pub steps: u64,
    /// What cannot be ordered, when it is not linearizable. None when narrowing that down took longer than the timeout.
    pub contradiction: Option<Contradiction<M>>,
}

/// Whether operations are linearizable. It takes as long as it takes; only its memory is bounded.
pub fn check<M: Model>(model: &M, operations: &[Operation<M::Action>]) -> Answer {
    decide(model, operations, &Bounds::until(None)).0
}

/// Whether operations are linearizable, undecided when the timeout is over first.
pub fn check_within<M: Model>(model: &M, operations: &[Operation<M::Action>], timeout: Duration) -> Answer {
    decide(model, operations, &Bounds::until(Instant::now().checked_add(timeout))).0
}

/// The same, and if they are not, the shortest beginning that is not and the operation that makes it so. The timeout applies to
/// finding the answer and then once more to finding the evidence.
pub fn check_with_evidence<M: Model>(model: &M, operations: &[Operation<M::Action>], timeout: Duration) -> Checked<M> {
    let bounds = || Bounds::until(Instant::now().checked_add(timeout));
    let (answer, steps) = decide(model, operations, &bounds());
    let contradiction = if answer == Answer::NotLinearizable { shortest(model, operations, &bounds()) } else { None };
    Checked { answer, steps, contradiction }
}
