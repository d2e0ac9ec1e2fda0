//! The general search for linearizability: for histories whose revisions are not trusted, or that have none.
//!
//! A history is *linearizable* if every operation can be given a moment between its call and its return such that the operations,
//! executed one after another in the order of these moments, give the recorded answers (Herlihy and Wing, 1990). Every check of
//! this crate's general search goes through the three functions of this module:
//!
//! | question | function |
//! |---|---|
//! | is this history linearizable? | [`is_linearizable`] |
//! | is it, and stop at a limit of time or memory | [`check_within`] |
//! | is it, and if not, which operation contradicts the others | [`check_with_evidence`] |
//!
//! A [`Model`] states what one object does; [`register::Register`] is one. [`import`] reads the histories of other tools.
//!
//! # Operations of unknown outcome
//!
//! A client whose request times out does not know whether the request was executed. Such an operation has a call and no return: it
//! may take effect at **any** moment after its call, however late, or never. Every stronger assumption accuses correct systems. The
//! example is a shop with two tickets. Ann buys one. Bob's purchase times out. Eve looks at the stock twice:
//!
//! ```text
//! ann   |-- buy: 1 left --|
//! bob                        |-- buy: timed out ...............................
//! eve                                              |-- 1 left --|  |-- 0 left --|
//! ```
//!
//! * "A timeout means that nothing happened": then nobody bought the second ticket, and the 0 would be a false violation.
//! * "It happened before the timeout": then Eve's 1 would be a false violation.
//! * "It may happen at any moment after the call": the request was on its way while Eve looked for the first time. The history is
//!   linearizable, as it should be: etcd may well execute a request after its client has given up.
//!
//! The opposite order, 0 and then 1, remains a violation under every assumption: whenever Bob's purchase happened, a sold ticket
//! came back. So does a purchase by Eve that leaves 1.
//!
//! ```
//! use ticketcd_judge::linearizability::{Answer, History, Limits, Model, Operation};
//! use ticketcd_judge::linearizability::{check_with_evidence, check_within, is_linearizable};
//!
//! /// A stock of tickets. It is bought from and looked at.
//! struct Stock {
//!     tickets: u32,
//! }
//!
//! #[derive(Clone, Debug)]
//! enum Action {
//!     /// How many were left afterwards; `None` if unknown.
//!     Buy { left: Option<u32> },
//!     Look { left: u32 },
//! }
//!
//! impl Model for Stock {
//!     type State = u32;
//!     type Action = Action;
//!
//!     fn initial(&self) -> u32 {
//!         self.tickets
//!     }
//!
//!     fn step(&self, tickets: &u32, action: &Action) -> Option<u32> {
//!         match *action {
//!             Action::Buy { left } => tickets.checked_sub(1).filter(|after| left.is_none_or(|left| left == *after)),
//!             Action::Look { left } => (left == *tickets).then_some(*tickets),
//!         }
//!     }
//!
//!     fn without_answer(&self, action: &Action) -> Option<Action> {
//!         match action {
//!             Action::Buy { .. } => Some(Action::Buy { left: None }),
//!             // A look without an answer states nothing about the stock.
//!             Action::Look { .. } => None,
//!         }
//!     }
//! }
//!
//! let seen_by_eve = |first, second| {
//!     let operations = vec![
//!         Operation::answered("ann", Action::Buy { left: Some(1) }, 1, 2),
//!         Operation::unanswered("bob", Action::Buy { left: None }, 3),
//!         Operation::answered("eve", Action::Look { left: first }, 4, 5),
//!         Operation::answered("eve", Action::Look { left: second }, 6, 7),
//!     ];
//!     [History { key: "pink".to_owned(), operations }]
//! };
//! let shop = Stock { tickets: 2 };
//! assert!(is_linearizable(&shop, &seen_by_eve(1, 0)));
//! assert_eq!(check_within(&shop, &seen_by_eve(0, 1), &Limits::default()), Answer::NotLinearizable);
//!
//! let outcome = check_with_evidence(&shop, &seen_by_eve(0, 1), &Limits::default());
//! let evidence = outcome.evidence.expect("a violation has evidence");
//! // Eve's second look is the first operation that fits nowhere: whenever it is placed, no ticket is left.
//! assert_eq!((evidence.misfit, evidence.states), (3, vec![0]));
//! ```
//!
//! # Cost
//!
//! The search is that of Wing and Gong with the memo of Lowe ("Testing for linearizability", 2017), as in Knossos and Porcupine:
//! operations are tried in the order of their calls, and a set of operations that led to a state is not tried again. In the worst
//! case it takes exponential time in the number of concurrent operations. Every operation of unknown outcome stays concurrent with
//! all later ones, so these are the most expensive. Objects are searched one by one, because linearizability is local: a history
//! of several objects is linearizable exactly if that of each is.

#[cfg(test)]
mod agreement;
mod call_list;
mod evidence;
pub mod import;
mod memo;
mod model;
pub mod register;
mod search;
#[cfg(test)]
mod tests;

pub use evidence::Evidence;
pub use model::{History, Model, Operation};
pub use search::{Limit, Limits, MEMORY_BYTES_MAX};

/// Whether a history is linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Some order of the operations explains every answer.
    Linearizable,
    /// No order does.
    NotLinearizable,
    /// The search reached a limit first. This is not a verdict.
    Unknown(Limit),
}

/// An answer with what it is based on.
#[derive(Debug)]
pub struct Outcome<M: Model> {
    /// The answer. One history that is not linearizable decides it, otherwise one whose answer is unknown.
    pub answer: Answer,
    /// Index of the history that decided it; `None` if all are linearizable.
    pub history: Option<usize>,
    /// Operations tried until the answer was known, each as often as it was. A history decided by a shortcut counts each once.
    pub steps: u64,
    /// Why that history is not linearizable; `None` for other answers, and if the search for it reached a limit.
    pub evidence: Option<Evidence<M>>,
}

/// Whether the histories, one for each object, are linearizable. Takes as much time and memory as the search needs.
pub fn is_linearizable<M: Model>(model: &M, histories: &[History<M::Action>]) -> bool {
    check_within(model, histories, &Limits::NONE) == Answer::Linearizable
}

/// Whether the histories, one for each object, are linearizable, or unknown if that is not decided within the limits.
pub fn check_within<M: Model>(model: &M, histories: &[History<M::Action>], limits: &Limits) -> Answer {
    evidence::decide_all(model, histories, limits).answer
}

/// As [`check_within`], with evidence if a history is not linearizable. Looking for the evidence starts after the answer is known
/// and has the same limits again.
pub fn check_with_evidence<M: Model>(model: &M, histories: &[History<M::Action>], limits: &Limits) -> Outcome<M> {
    let outcome = evidence::decide_all(model, histories, limits);
    let broken = outcome.history.filter(|_| outcome.answer == Answer::NotLinearizable);
    Outcome { evidence: broken.and_then(|history| Evidence::find(model, &histories[history].operations, limits)), ..outcome }
}
