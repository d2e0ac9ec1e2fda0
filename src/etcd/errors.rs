//! What an error means for the request that got it: the one table, with a reason for each row.
//!
//! A definite error says that nothing was written. Whatever is not in the table is unknown: it may or may not have
//! happened. Definite errors are checked later all the same, on every member. For a read the difference is of no
//! consequence.

use std::error::Error as _;

use etcd_client::Error;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::Request;
use tonic::{Code, ConnectError, Status};

/// What an error says about the request's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was written.
    None,
    /// It may or may not have been written.
    Unknown,
}

/// Which requests a row of the table speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Any.
    Any,
    /// Any but transactions that can write.
    AllButWritingTxn,
}

/// How a row knows an error, beside its gRPC code.
#[derive(Clone, Copy, Debug)]
enum Text {
    Exact(&'static str),
    Prefix(&'static str),
}

/// A row of the table. The first one that matches counts.
struct Row {
    code: Code,
    text: Text,
    asked: Asked,
    effect: Effect,
    /// Why the effect is what the row says. Read by whoever doubts a row, and held by a test to be there.
    #[cfg_attr(not(test), allow(dead_code))]
    reason: &'static str,
}

const fn definite(code: Code, text: Text, reason: &'static str) -> Row {
    Row { code, text, asked: Asked::Any, effect: Effect::None, reason }
}

const fn unknown(code: Code, text: Text, reason: &'static str) -> Row {
    Row { code, text, asked: Asked::Any, effect: Effect::Unknown, reason }
}

const VALIDATED: &str = "the request is validated before it is proposed to raft";
const AUTHENTICATED: &str = "who asks is established before the request is proposed";
const AUTHORISED: &str = "permission is checked before a request is carried out, by every member alike";
const WAITED: &str = "the request was proposed and its application was not waited for: it may still be committed";

use Text::{Exact, Prefix};

/// The messages are those of etcd's `api/v3rpc/rpctypes/error.go`, and what `tonic` says of its transport.
static TABLE: &[Row] = &[
    // Refused before anything is proposed.
    definite(Code::InvalidArgument, Exact("etcdserver: key is not provided"), VALIDATED),
    definite(Code::InvalidArgument, Exact("etcdserver: value is provided"), VALIDATED),
    definite(Code::InvalidArgument, Exact("etcdserver: lease is provided"), VALIDATED),
    definite(Code::InvalidArgument, Exact("etcdserver: too many operations in txn request"), VALIDATED),
    definite(Code::InvalidArgument, Exact("etcdserver: duplicate key given in txn request"), VALIDATED),
    definite(Code::InvalidArgument, Exact("etcdserver: invalid sort option"), VALIDATED),
    definite(Code::InvalidArgument, Exact("etcdserver: request is too large"), "the size is checked before the request is proposed"),
    definite(Code::ResourceExhausted, Prefix("grpc: received message larger than max"), "the server reads the size before the request"),
    definite(
        Code::ResourceExhausted,
        Exact("etcdserver: too many requests"),
        "a member too far behind refuses before it proposes anything",
    ),
    definite(Code::Unimplemented, Prefix(""), "the server has no such method, so nothing ran"),
    definite(
        Code::Unavailable,
        Exact("etcdserver: no leader"),
        "said instead of proposing, by the check for a leader; a proposal that finds none waits and ends as a timeout",
    ),
    definite(Code::Unavailable, Exact("etcdserver: not capable"), "the cluster's version is checked before the request is taken"),
    // Who asks, and what they may.
    definite(Code::Unauthenticated, Exact("etcdserver: invalid auth token"), AUTHENTICATED),
    definite(Code::InvalidArgument, Exact("etcdserver: user name is empty"), AUTHENTICATED),
    definite(Code::InvalidArgument, Exact("etcdserver: authentication failed, invalid user ID or password"), AUTHENTICATED),
    definite(Code::FailedPrecondition, Exact("etcdserver: authentication is not enabled"), AUTHENTICATED),
    definite(Code::InvalidArgument, Exact("etcdserver: revision of auth store is old"), AUTHORISED),
    definite(Code::PermissionDenied, Exact("etcdserver: permission denied"), AUTHORISED),
    // Leases.
    definite(
        Code::NotFound,
        Exact("etcdserver: requested lease not found"),
        "the lease is looked up before anything is written, by every member alike",
    ),
    definite(Code::FailedPrecondition, Exact("etcdserver: lease already exists"), "the lease was there before and is not changed"),
    definite(Code::OutOfRange, Exact("etcdserver: too large lease TTL"), "the time to live is checked before the lease is made"),
    definite(
        Code::InvalidArgument,
        Exact("etcdserver: key not found"),
        "a put that keeps the value or lease of a key looks it up before anything is written",
    ),
    // Revisions. A transaction is another matter: etcd issue 18667, where members carried out what the client was told had failed.
    Row {
        code: Code::OutOfRange,
        text: Exact("etcdserver: mvcc: required revision has been compacted"),
        asked: Asked::AllButWritingTxn,
        effect: Effect::None,
        reason: "only a read, or a compaction, can ask for a revision, and neither writes",
    },
    Row {
        code: Code::OutOfRange,
        text: Exact("etcdserver: mvcc: required revision is a future revision"),
        asked: Asked::AllButWritingTxn,
        effect: Effect::None,
        reason: "only a read, or a compaction, can ask for a revision, and neither writes",
    },
    unknown(
        Code::OutOfRange,
        Prefix("etcdserver: mvcc: required revision"),
        "a transaction may write on some members before its read fails (etcd issue 18667)",
    ),
    // Anything may have happened.
    unknown(
        Code::ResourceExhausted,
        Exact("etcdserver: mvcc: database space exceeded"),
        "the write that crosses the quota is applied and still answered with this (measured: 39 of 40 on 3.5.30)",
    ),
    unknown(Code::Unavailable, Prefix("etcdserver: request timed out"), WAITED),
    unknown(Code::Unavailable, Exact("etcdserver: leader changed"), "seen on reads only, but nothing promises that"),
    unknown(Code::Unavailable, Exact("etcdserver: server stopped"), WAITED),
    unknown(Code::DataLoss, Exact("etcdserver: corrupt cluster"), "this member refuses what others may have carried out"),
    unknown(Code::Cancelled, Prefix(""), "we stopped waiting, or the server did: the request may be under way"),
    unknown(Code::DeadlineExceeded, Prefix(""), WAITED),
    // The transport, in tonic's words.
    unknown(Code::Unavailable, Exact("http2 error"), "the connection broke with the request on it"),
    unknown(Code::Unavailable, Prefix("keep-alive timed out"), "the connection was given up with the request on it"),
    unknown(Code::Unknown, Exact("transport error"), "the connection broke with the request on it"),
    unknown(Code::OutOfRange, Prefix("Error, decoded message length too large"), "the answer was too large to read, but it was one"),
];

/// What a gRPC error says about the effect of a request. `connected` says whether there was a connection to send it on.
fn effect(request: &Request, code: Code, message: &str, connected: bool) -> Effect {
    if !connected {
        // The error comes from connecting, before there was anything to send the request on. Its text is the operating
        // system's ("tcp connect error", "Connection refused"), so that it is known by its type and not by a row.
        return Effect::None;
    }
    let writing_txn = matches!(request, Request::Txn(_)) && request.may_write();
    let matches = |row: &&Row| {
        let text = match row.text {
            Exact(text) => message == text,
            Prefix(text) => message.starts_with(text),
        };
        row.code == code && text && (row.asked == Asked::Any || !writing_txn)
    };
    TABLE.iter().find(matches).map_or(Effect::Unknown, |row| row.effect)
}

/// Classes what `etcd-client` returned for a request.
pub fn classify(request: &Request, error: &Error) -> CallOutcome {
    let (code, message) = describe(error);
    let effect = match error {
        Error::GRpcStatus(status) => effect(request, status.code(), status.message(), !failed_to_connect(status)),
        // Only a keep-alive ends so: the answer said that the lease is gone.
        Error::LeaseKeepAliveError(_) => Effect::None,
        // Found wrong before anything was sent.
        Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::InvalidMetadataValue(_) => Effect::None,
        _ => Effect::Unknown,
    };
    match effect {
        Effect::None => CallOutcome::Refused { code, message },
        Effect::Unknown => CallOutcome::Unknown { code, message },
    }
}

/// The name of an error's gRPC code, or of its kind where it has none, and what it says.
pub(super) fn describe(error: &Error) -> (String, String) {
    match error {
        Error::GRpcStatus(status) => (format!("{:?}", status.code()), status_message(status)),
        Error::LeaseKeepAliveError(message) => ("NotFound".to_owned(), message.clone()),
        other => ("Client".to_owned(), other.to_string()),
    }
}

/// The message, with the operating system's reason where connecting failed: "tcp connect error" alone helps nobody.
fn status_message(status: &Status) -> String {
    let mut message = status.message().to_owned();
    if failed_to_connect(status) {
        let mut source = status.source();
        while let Some(error) = source {
            let text = error.to_string();
            if error.downcast_ref::<std::io::Error>().is_some() && !message.contains(&text) {
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
        assert_eq!(effect_of(&put(), Code::ResourceExhausted, "etcdserver: too many requests"), Effect::None);
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
        assert_eq!(effect_of(&Request::Compact(1), Code::OutOfRange, message), Effect::None);
        assert_eq!(effect_of(&reading_txn, Code::OutOfRange, message), Effect::None);
        assert_eq!(effect_of(&writing_txn(), Code::OutOfRange, message), Effect::Unknown);
    }

    #[test]
    fn code_and_message_must_both_fit() {
        assert_eq!(effect_of(&put(), Code::InvalidArgument, "etcdserver: key is not provided"), Effect::None);
        assert_eq!(effect_of(&put(), Code::Unknown, "etcdserver: key is not provided"), Effect::Unknown);
        assert_eq!(effect_of(&put(), Code::InvalidArgument, "etcdserver: something new"), Effect::Unknown);
        assert_eq!(effect_of(&put(), Code::Internal, "h2 protocol error"), Effect::Unknown);
        assert_eq!(effect_of(&put(), Code::Unknown, "transport error"), Effect::Unknown);
    }

    #[test]
    fn every_row_says_why_and_can_be_reached() {
        for (position, row) in TABLE.iter().enumerate() {
            assert!(row.reason.len() > 20, "row {position} gives no reason");
            let (Exact(text) | Prefix(text)) = row.text;
            let request = if row.asked == Asked::Any { writing_txn() } else { Request::Range(Range::default()) };
            assert_eq!(effect_of(&request, row.code, text), row.effect, "row {position} is hidden by an earlier one");
        }
    }

    #[test]
    fn what_is_wrong_before_sending_is_definite() {
        let refused = classify(&put(), &Error::InvalidArgs("no".to_owned()));
        assert!(matches!(refused, CallOutcome::Refused { .. }));
        let unknown = classify(&put(), &Error::Internal("broken".to_owned()));
        assert!(matches!(unknown, CallOutcome::Unknown { .. }));
    }
}
