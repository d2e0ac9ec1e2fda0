//! What becomes of a request that is in flight.

/// What becomes of the transaction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It is executed and answered.
    Answered,
    /// It is executed, and the response is lost.
    UnknownApplied,
    /// It is lost on its way: the buyer cannot tell.
    UnknownNotApplied,
    /// It is executed after its sender gave up.
    UnknownLate,
    /// It is refused with a definite error.
    Refused,
    /// The record ends before the response.
    NeverEnded,
    /// Violation: it is refused with a definite error, and executed.
    RefusedButApplied,
    /// Violation: it is answered, and not executed.
    AnsweredNotApplied,
    /// Violation: it is executed although its guards do not hold.
    WrongBranch,
}
