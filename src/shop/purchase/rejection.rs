//! Why an order is rejected: a cause that can be counted, and the details in words. Nothing was written.

use ticketcd_judge::history::annotation::{OrderOutcome, RejectionCause};

use super::session::LeaseError;
use super::state::ReadError;
use crate::etcd::{CallError, errors};

/// Something that rejects an order. Its text is the details.
pub(in crate::shop) trait Rejection: ToString {
    /// Why.
    fn rejection_cause(&self) -> RejectionCause;
}

/// The outcome of an order that is refused for a reason other than the stock. Nothing was written.
pub(in crate::shop) fn rejected(rejection: impl Rejection) -> OrderOutcome {
    OrderOutcome::Rejected { reason: rejection.to_string(), cause: rejection.rejection_cause() }
}

/// What rejects an order, other than an error of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::shop) enum Refusal {
    #[error("{0}")]
    InvalidOrder(&'static str),
    #[error("no such event")]
    NoEvent,
    #[error("no such ticket type")]
    NoTicket,
    #[error("the purchase key holds no array")]
    NoArray,
    #[error("the price is too large")]
    Price,
    #[error("the event's count overflows")]
    Count,
    #[error("the lock could not be acquired: {0}")]
    Lock(CallError),
    #[error("the answer to a lock request has no key")]
    LockWithoutKey,
    #[error("reserved, and never paid for")]
    NotPaid,
    #[error("reserved, and cancelled by the buyer")]
    Cancelled,
    #[error("the reservation had expired when it was paid")]
    ReservationExpired,
    #[error("it is unknown whether the tickets are reserved")]
    ReservationUnknown,
    #[error("the purchases of the user kept changing until the buyer gave up")]
    PurchasesChanged,
    #[error("{0}")]
    Script(String),
    #[error("{0}")]
    ScriptFailed(String),
    #[error("the script reports a sale, but none of its transactions wrote the order's id")]
    ScriptWroteNothing,
    #[error("the batcher of the event has ended")]
    BatcherEnded,
}

impl Rejection for Refusal {
    fn rejection_cause(&self) -> RejectionCause {
        match self {
            Self::InvalidOrder(_) => RejectionCause::InvalidOrder,
            Self::NoEvent | Self::NoTicket => RejectionCause::NotFound,
            Self::NoArray => RejectionCause::UnreadableValue,
            Self::Price | Self::Count => RejectionCause::Overflow,
            Self::Lock(_) | Self::LockWithoutKey => RejectionCause::NoLock,
            Self::NotPaid => RejectionCause::NotPaid,
            Self::Cancelled => RejectionCause::Cancelled,
            Self::ReservationExpired | Self::ReservationUnknown | Self::PurchasesChanged => RejectionCause::ReservationLost,
            Self::Script(_) => RejectionCause::Script,
            Self::ScriptFailed(_) | Self::ScriptWroteNothing => RejectionCause::ScriptFailed,
            Self::BatcherEnded => RejectionCause::StrategyEnded,
        }
    }
}

impl Rejection for CallError {
    fn rejection_cause(&self) -> RejectionCause {
        match self.code.as_str() {
            "Unavailable" => RejectionCause::Unavailable,
            errors::TIMEOUT | "DeadlineExceeded" => RejectionCause::TimedOut,
            _ => RejectionCause::RefusedByEtcd,
        }
    }
}

impl Rejection for ReadError {
    fn rejection_cause(&self) -> RejectionCause {
        match self {
            Self::NotAnswered(error) => error.rejection_cause(),
            Self::Shape | Self::Json { .. } => RejectionCause::UnreadableValue,
        }
    }
}

impl Rejection for LeaseError {
    fn rejection_cause(&self) -> RejectionCause {
        RejectionCause::NoLock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_request_is_counted_by_its_code() {
        let cause = |code: &str| {
            let error = CallError { code: code.to_owned(), message: "details".to_owned() };
            let OrderOutcome::Rejected { reason, cause } = rejected(ReadError::from(error)) else { panic!("not rejected") };
            assert!(reason.contains("details"), "{reason}");
            cause
        };
        assert_eq!(cause("Unavailable"), RejectionCause::Unavailable);
        assert_eq!(cause(errors::TIMEOUT), RejectionCause::TimedOut);
        assert_eq!(cause("ResourceExhausted"), RejectionCause::RefusedByEtcd);
        assert_eq!(cause("PermissionDenied"), RejectionCause::RefusedByEtcd);
    }
}
