//! What becomes of a request that is in flight.

/// What becomes of the transaction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It is executed, and the response arrives.
    Answered,
    /// It is executed, and the response is lost.
    UnknownApplied,
    /// It is lost on its way, and the buyer does not know.
    UnknownNotApplied,
    /// It is executed after its sender gave up.
    UnknownLate,
    /// It is refused with a definite error.
    Refused,
    /// The record ends before the response.
    NeverEnded,
    /// Violation: it is refused with a definite error, and executed.
    RefusedButApplied,
    /// Violation: it is acknowledged, and not executed.
    AnsweredNotApplied,
    /// Violation: it is executed although its compares do not hold.
    WrongBranch,
}
