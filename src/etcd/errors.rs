//! What an error means for the request that got it. The errors and the reasons are in the one table, `error_table`.
//!
//! A definite error means that nothing was written. An error that is not in the table is unknown: the request may or may not
//! have been applied. Definite errors are nevertheless checked later, on every member. For a read the difference does not
//! matter.

use std::error::Error as _;

use etcd_client::Error;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::request::Request;
use tonic::{Code, ConnectError, Status};

use super::error_table::find;

pub use super::error_table::{Cause, Effect, Row, cause, rows};

/// The code of a call that this client gave up: it is no gRPC code.
pub const TIMEOUT: &str = "Timeout";

/// The message of `etcd-client` for a keep-alive of a lease that does not exist. It has no type of its own: the same variant
/// also reports a broken stream.
pub(super) const LEASE_GONE: &str = "lease not found";

/// What a gRPC error means for the effect of a request. `connected`: whether there was a connection to send it on.
fn effect(request: &Request, code: Code, message: &str, connected: bool) -> Effect {
    if !connected {
        // The error comes from connecting, before there was anything to send the request on. Its text is the operating
        // system's ("tcp connect error", "Connection refused"), so that it is known by its type and not by a row.
        return Effect::None;
    }
    find(request, code, message).map_or(Effect::Unknown, Row::effect)
}

/// The row of the table that an error belongs to; `None` for an error that is not in it.
pub fn explain(request: &Request, error: &Error) -> Option<&'static Row> {
    match error {
        Error::GRpcStatus(status) => find(request, status.code(), status.message()),
        Error::LeaseKeepAliveError(message) => find(request, Code::NotFound, message),
        _ => None,
    }
}

/// Classes what `etcd-client` returned for a request.
pub fn classify(request: &Request, error: &Error) -> CallOutcome {
    let (code, message) = describe(error);
    let effect = match error {
        Error::GRpcStatus(status) => effect(request, status.code(), status.message(), !failed_to_connect(status)),
        Error::LeaseKeepAliveError(message) => effect(request, Code::NotFound, message, true),
        // Found wrong before anything was sent.
        Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::InvalidMetadataValue(_) => Effect::None,
        _ => Effect::Unknown,
    };
    match effect {
        Effect::None => CallOutcome::Refused { code, message },
        Effect::Unknown => CallOutcome::Unknown { code, message },
    }
}

/// The name of an error's gRPC code, or of its kind where it has none, and its message.
pub(super) fn describe(error: &Error) -> (String, String) {
    match error {
        Error::GRpcStatus(status) => (format!("{:?}", status.code()), status_message(status)),
        Error::LeaseKeepAliveError(message) if message == LEASE_GONE => (format!("{:?}", Code::NotFound), message.clone()),
        other => ("Client".to_owned(), other.to_string()),
    }
}

/// The message, with the operating system's reason where connecting failed: "tcp connect error" alone does not help.
fn status_message(status: &Status) -> String {
    let mut message = status.message().to_owned();
    if failed_to_connect(status) {
        let mut source = status.source();
        while let Some(error) = source {
            if let Some(text) = error.downcast_ref::<std::io::Error>().map(io_reason)
                && !message.contains(&text)
            {
                message = format!("{message}: {text}");
            }
            source = error.source();
        }
    }
    message
}

fn failed_to_connect(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::request::{Put, Range, Txn, TxnOp};

    use super::*;

    fn put() -> Request {
        Request::Put(Put::default())
    }

    fn writing_txn() -> Request {
        Request::Txn(Txn { success: vec![TxnOp::Put(Put::default())], ..Txn::default() })
    }

    fn effect_of(request: &Request, code: Code, message: &str) -> Effect {
        effect(request, code, message, true)
    }

    #[test]
    fn a_write_that_crossed_the_quota_may_have_happened() {
        let message = "etcdserver: mvcc: database space exceeded";
        assert_eq!(effect_of(&put(), Code::ResourceExhausted, message), Effect::Unknown);
    }

    /// etcd defines `ResourceExhausted` for it and sends `Unknown` (3.5.30): its table of gRPC errors maps it to what is no status.
    #[test]
    fn too_many_requests_is_definite_with_either_code() {
        for code in [Code::Unknown, Code::ResourceExhausted] {
            assert_eq!(effect_of(&put(), code, "etcdserver: too many requests"), Effect::None);
            assert_eq!(effect_of(&writing_txn(), code, "etcdserver: too many requests"), Effect::None);
        }
        assert_eq!(effect_of(&put(), Code::Unknown, "too many requests"), Effect::Unknown, "not etcd's message");
        assert_eq!(effect_of(&put(), Code::Unavailable, "etcdserver: too many requests"), Effect::Unknown, "a code that etcd never sends");
    }

    /// A lock puts its key, then reads and waits: an error of a later step leaves the effect on the key unknown.
    #[test]
    fn what_refuses_a_write_does_not_refuse_a_lock() {
        let lock = Request::Lock { name: "name".into(), lease: 7 };
        for (code, message) in [
            (Code::PermissionDenied, "etcdserver: permission denied"),
            (Code::Unavailable, "etcdserver: no leader"),
            (Code::Unauthenticated, "etcdserver: invalid auth token"),
            (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted"),
        ] {
            assert_eq!(effect_of(&put(), code, message), Effect::None, "{message}");
            assert_eq!(effect_of(&lock, code, message), Effect::Unknown, "{message}");
        }
        assert_eq!(effect_of(&lock, Code::NotFound, "etcdserver: requested lease not found"), Effect::None);
    }

    #[test]
    fn a_broken_keep_alive_does_not_mean_that_the_lease_is_gone() {
        let request = Request::LeaseKeepAlive { id: 7 };
        let outcome = |message: &str| classify(&request, &Error::LeaseKeepAliveError(message.to_owned()));
        assert!(matches!(outcome("lease not found"), CallOutcome::Refused { code, .. } if code == "NotFound"));
        assert!(matches!(outcome("channel closed"), CallOutcome::Unknown { code, .. } if code == "Client"));
    }

    #[test]
    fn unavailable_is_definite_only_without_a_connection() {
        for message in ["http2 error", "etcdserver: request timed out", "etcdserver: leader changed", "tcp connect error"] {
            assert_eq!(effect_of(&put(), Code::Unavailable, message), Effect::Unknown, "{message}");
        }
        let lost_leader = "etcdserver: request timed out, possibly due to previous leader failure";
        assert_eq!(effect_of(&put(), Code::Unavailable, lost_leader), Effect::Unknown);
        assert_eq!(effect(&put(), Code::Unavailable, "tcp connect error", false), Effect::None);
        assert_eq!(effect_of(&put(), Code::Unavailable, "etcdserver: no leader"), Effect::None);
    }

    #[test]
    fn a_compacted_revision_refuses_a_read_but_proves_nothing_about_a_transaction_that_writes() {
        let message = "etcdserver: mvcc: required revision has been compacted";
        let range = TxnOp::Range(Range::default());
        let reading_txn = Request::Txn(Txn { success: vec![range], ..Txn::default() });
        assert_eq!(effect_of(&Request::Range(Range::default()), Code::OutOfRange, message), Effect::None);
        assert_eq!(effect_of(&Request::compact(1), Code::OutOfRange, message), Effect::None);
        assert_eq!(effect_of(&reading_txn, Code::OutOfRange, message), Effect::None);
        assert_eq!(effect_of(&writing_txn(), Code::OutOfRange, message), Effect::Unknown);
    }

    #[test]
    fn code_and_message_must_both_fit() {
        assert_eq!(effect_of(&put(), Code::InvalidArgument, "etcdserver: key is not provided"), Effect::None);
        assert_eq!(effect_of(&put(), Code::Unavailable, "etcdserver: key is not provided"), Effect::Unknown);
        assert_eq!(effect_of(&put(), Code::InvalidArgument, "etcdserver: something new"), Effect::Unknown);
        assert_eq!(effect_of(&put(), Code::Internal, "h2 protocol error"), Effect::Unknown);
        assert_eq!(effect_of(&put(), Code::Unknown, "transport error"), Effect::Unknown);
    }

    #[test]
    fn what_is_wrong_before_sending_is_definite() {
        let refused = classify(&put(), &Error::InvalidArgs("no".to_owned()));
        assert!(matches!(refused, CallOutcome::Refused { .. }));
        let unknown = classify(&put(), &Error::Internal("broken".to_owned()));
        assert!(matches!(unknown, CallOutcome::Unknown { .. }));
    }
}
