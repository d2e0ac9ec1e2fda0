//! The one table of errors: which error means what for the request that got it, and why.
//!
//! The rows are the errors that etcd defines: those of `api/v3rpc/rpctypes/error.go`, and those of `server/etcdserver/errors.go`,
//! `server/auth/store.go` and raft that reach a client as they are. After them come those of gRPC and of `tonic`'s transport.
//!
//! etcd defines a gRPC code for nearly all of its errors, but not all of them arrive with it. `toGRPCErrorMap` (`api/v3rpc/util.go`)
//! maps `ErrTooManyRequests` and `ErrNotEnoughStartedMembers` to what is no gRPC status, and lacks others; what etcd's own gRPC proxy
//! passes on is none either. gRPC sends all of these with the code `Unknown` and their text. An error of etcd is therefore known by
//! its whole text, and by its code or `Unknown`.

use ticketcd_judge::history::request::Request;
use tonic::Code;

/// What an error means for the effect of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was written.
    None,
    /// It may or may not have been written.
    Unknown,
}

/// Errors that a caller acts upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The request is too large for etcd, in operations or in bytes.
    TooLarge,
    /// The revision asked for has been compacted.
    Compacted,
    /// The database has reached its quota.
    NoSpace,
    /// The lease does not exist.
    LeaseNotFound,
}

/// Which requests a row applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Any.
    Any,
    /// Any but a lock. Within the server a lock is several requests: it puts its key before it reads and waits, and each of these
    /// steps may fail.
    SingleStep,
    /// Any but a lock and a transaction that can write.
    NotWritingTxn,
}

/// How a row knows an error, beside its gRPC code.
#[derive(Clone, Copy, Debug)]
enum Text {
    Exact(&'static str),
    Prefix(&'static str),
}

/// Whose error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// etcd's. It may arrive with the code `Unknown` too.
    Etcd,
    /// gRPC's or its transport's, on either side.
    Transport,
}

/// A row of the table. The first one that matches counts.
#[derive(Debug)]
pub struct Row {
    origin: Origin,
    code: Code,
    text: Text,
    scope: Scope,
    effect: Effect,
    cause: Option<Cause>,
    reason: &'static str,
}

const fn row(origin: Origin, code: Code, text: Text, effect: Effect, reason: &'static str) -> Row {
    Row { origin, code, text, scope: Scope::Any, effect, cause: None, reason }
}

/// An error of etcd after which nothing is written.
const fn definite(code: Code, text: &'static str, reason: &'static str) -> Row {
    row(Origin::Etcd, code, Text::Exact(text), Effect::None, reason)
}

/// An error of etcd that leaves the effect unknown.
const fn unknown(code: Code, text: &'static str, reason: &'static str) -> Row {
    row(Origin::Etcd, code, Text::Exact(text), Effect::Unknown, reason)
}

impl Row {
    const fn of(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    const fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// What the error means for the effect of the request.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// What a caller can act upon, where there is such a thing.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Why the error has that effect.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The text of an error that etcd itself defines; `None` for gRPC's and the transport's.
    pub fn etcd_text(&self) -> Option<&'static str> {
        let (Text::Exact(text) | Text::Prefix(text)) = self.text;
        (self.origin == Origin::Etcd).then_some(text)
    }

    fn is_about(&self, code: Code, message: &str) -> bool {
        let is_code = self.code == code || (self.origin == Origin::Etcd && code == Code::Unknown);
        is_code
            && match self.text {
                Text::Exact(text) => message == text,
                Text::Prefix(text) => message.starts_with(text),
            }
    }

    fn applies_to(&self, request: &Request) -> bool {
        let is_lock = matches!(request, Request::Lock { .. });
        match self.scope {
            Scope::Any => true,
            Scope::SingleStep => !is_lock,
            Scope::NotWritingTxn => !is_lock && (!matches!(request, Request::Txn(_)) || !request.may_write()),
        }
    }
}

/// The row of an error that a request got; `None` when the table has none, and its effect is unknown.
pub fn find(request: &Request, code: Code, message: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.is_about(code, message) && row.applies_to(request))
}

/// What a caller can act upon in an error, by the name of its code.
pub fn cause(code: &str, message: &str) -> Option<Cause> {
    let row = TABLE.iter().find(|row| {
        row.cause.is_some() && [row.code, Code::Unknown].iter().any(|known| format!("{known:?}") == code && row.is_about(*known, message))
    });
    row.and_then(Row::cause)
}

/// All rows.
pub fn rows() -> &'static [Row] {
    TABLE
}

const VALIDATED: &str = "the request is validated before it is proposed to raft";
const INTERCEPTED: &str = "the server refuses the call before it looks at the request";
const AUTHENTICATED: &str = "the user is established before the request is proposed";
const AUTHORISED: &str = "permission is checked before a request is carried out, by every member alike";
const ACCOUNTS: &str = "users and roles are looked up before they are changed, by every member alike";
const MEMBERSHIP: &str = "a change of the membership is validated before it is made";
const DOWNGRADE: &str = "a downgrade is validated before it is proposed";
const WAITED: &str = "the request was proposed and its application was not waited for: it may still be committed";

use Effect::{None as NoEffect, Unknown as UnknownEffect};
use Origin::Transport;
use Text::{Exact, Prefix};

static TABLE: &[Row] = &[
    // Refused before anything is proposed.
    definite(Code::InvalidArgument, "etcdserver: key is not provided", VALIDATED),
    definite(Code::InvalidArgument, "etcdserver: value is provided", VALIDATED),
    definite(Code::InvalidArgument, "etcdserver: lease is provided", VALIDATED),
    definite(Code::InvalidArgument, "etcdserver: too many operations in txn request", VALIDATED).because(Cause::TooLarge),
    definite(Code::InvalidArgument, "etcdserver: duplicate key given in txn request", VALIDATED),
    definite(Code::InvalidArgument, "etcdserver: invalid sort option", VALIDATED),
    definite(Code::InvalidArgument, "etcdserver: invalid client api version", INTERCEPTED),
    definite(Code::InvalidArgument, "etcdserver: request is too large", "the size is checked before the request is proposed")
        .because(Cause::TooLarge),
    definite(
        Code::ResourceExhausted,
        "etcdserver: too many requests",
        "a member that has applied too little of what is committed refuses before it proposes anything",
    ),
    definite(
        Code::Unavailable,
        "etcdserver: no leader",
        "returned instead of proposing, by the check for a leader; a proposal without a leader waits and times out",
    )
    .of(Scope::SingleStep),
    definite(Code::Unavailable, "etcdserver: not capable", INTERCEPTED),
    definite(Code::Unavailable, "etcdserver: rpc not supported for learner", INTERCEPTED),
    definite(
        Code::Unknown,
        "raft proposal dropped",
        "this member's raft refused the proposal (during a transfer of leadership, say) and neither appended nor forwarded it",
    )
    .of(Scope::SingleStep),
    // Authentication and permissions.
    definite(Code::Unauthenticated, "etcdserver: invalid auth token", AUTHENTICATED).of(Scope::SingleStep),
    definite(Code::InvalidArgument, "etcdserver: user name is empty", AUTHENTICATED).of(Scope::SingleStep),
    definite(Code::InvalidArgument, "etcdserver: authentication failed, invalid user ID or password", AUTHENTICATED),
    definite(Code::FailedPrecondition, "etcdserver: authentication is not enabled", AUTHENTICATED),
    definite(Code::InvalidArgument, "etcdserver: revision of auth store is old", AUTHORISED).of(Scope::SingleStep),
    // The same before etcd had a code for it.
    definite(Code::Unknown, "auth: revision in header is old", AUTHORISED).of(Scope::SingleStep),
    definite(Code::PermissionDenied, "etcdserver: permission denied", AUTHORISED).of(Scope::SingleStep),
    definite(Code::InvalidArgument, "etcdserver: permission not given", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: root user does not exist", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: root user does not have root role", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: user name already exists", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: user name not found", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: role name already exists", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: role name not found", ACCOUNTS),
    definite(Code::InvalidArgument, "etcdserver: role name is empty", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: role is not granted to the user", ACCOUNTS),
    definite(Code::FailedPrecondition, "etcdserver: permission is not granted to the role", ACCOUNTS),
    definite(Code::InvalidArgument, "etcdserver: invalid auth management", ACCOUNTS),
    // Leases.
    definite(
        Code::NotFound,
        "etcdserver: requested lease not found",
        "the lease is looked up before anything is written, by every member alike",
    )
    .because(Cause::LeaseNotFound),
    definite(Code::FailedPrecondition, "etcdserver: lease already exists", "the lease was there before and is not changed"),
    definite(Code::OutOfRange, "etcdserver: too large lease TTL", "the time to live is checked before the lease is made"),
    definite(
        Code::InvalidArgument,
        "etcdserver: key not found",
        "a put that keeps the value or lease of a key looks it up before anything is written",
    ),
    // Revisions. A transaction is another matter: etcd issue 18667, where members applied a transaction that the client received as failed.
    definite(
        Code::OutOfRange,
        "etcdserver: mvcc: required revision has been compacted",
        "only a read, or a compaction, can ask for a revision, and neither writes",
    )
    .of(Scope::NotWritingTxn)
    .because(Cause::Compacted),
    definite(
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
        "only a read, or a compaction, can ask for a revision, and neither writes",
    )
    .of(Scope::NotWritingTxn),
    row(
        Origin::Etcd,
        Code::OutOfRange,
        Prefix("etcdserver: mvcc: required revision"),
        UnknownEffect,
        "a transaction may write on some members before its read fails (etcd issue 18667), and a lock has put its key before it waits",
    ),
    // The membership, leadership and version of the cluster.
    definite(Code::NotFound, "etcdserver: member not found", MEMBERSHIP),
    definite(Code::FailedPrecondition, "etcdserver: member ID already exist", MEMBERSHIP),
    definite(Code::FailedPrecondition, "etcdserver: Peer URLs already exists", MEMBERSHIP),
    definite(Code::FailedPrecondition, "etcdserver: re-configuration failed due to not enough started members", MEMBERSHIP),
    definite(Code::InvalidArgument, "etcdserver: given member URLs are invalid", MEMBERSHIP),
    definite(Code::FailedPrecondition, "etcdserver: can only promote a learner member", MEMBERSHIP),
    definite(Code::FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader", MEMBERSHIP),
    definite(Code::FailedPrecondition, "etcdserver: too many learner members in cluster", MEMBERSHIP),
    definite(Code::Unavailable, "etcdserver: unhealthy cluster", MEMBERSHIP),
    unknown(Code::Unknown, "etcdserver: cannot promote member", "another member was asked to promote it and may have done so"),
    definite(
        Code::FailedPrecondition,
        "etcdserver: not leader",
        "only the leader can transfer its leadership, and this member is not the leader",
    ),
    definite(Code::FailedPrecondition, "etcdserver: bad leader transferee", "the new leader is looked up before leadership is transferred"),
    definite(Code::Unavailable, "etcdserver: cluster version not found during downgrade", DOWNGRADE),
    definite(Code::InvalidArgument, "etcdserver: wrong downgrade target version format", DOWNGRADE),
    definite(Code::InvalidArgument, "etcdserver: invalid downgrade target version", DOWNGRADE),
    definite(Code::FailedPrecondition, "etcdserver: cluster has a downgrade job in progress", DOWNGRADE),
    definite(Code::FailedPrecondition, "etcdserver: no inflight downgrade job", DOWNGRADE),
    // Anything may have happened.
    unknown(
        Code::ResourceExhausted,
        "etcdserver: mvcc: database space exceeded",
        "the write that crosses the quota is applied and still answered with this (measured: 39 of 40 on 3.5.30)",
    )
    .because(Cause::NoSpace),
    row(Origin::Etcd, Code::Unavailable, Prefix("etcdserver: request timed out"), UnknownEffect, WAITED),
    unknown(Code::Unknown, "etcdserver: request cancelled", WAITED),
    unknown(Code::Unavailable, "etcdserver: leader changed", "seen on reads only, but nothing promises that"),
    unknown(Code::Unavailable, "etcdserver: server stopped", WAITED),
    unknown(Code::DataLoss, "etcdserver: corrupt cluster", "this member refuses what others may have carried out"),
    // gRPC, on either side.
    row(
        Transport,
        Code::ResourceExhausted,
        Prefix("grpc: received message larger than max"),
        NoEffect,
        "the server reads the size before the request",
    )
    .because(Cause::TooLarge),
    row(Transport, Code::Unimplemented, Prefix(""), NoEffect, "the server has no such method, so nothing ran"),
    row(Transport, Code::Cancelled, Prefix(""), UnknownEffect, "we stopped waiting, or the server did: the request may be in flight"),
    row(Transport, Code::DeadlineExceeded, Prefix(""), UnknownEffect, WAITED),
    row(Transport, Code::Unavailable, Exact("http2 error"), UnknownEffect, "the connection broke with the request on it"),
    row(Transport, Code::Unavailable, Prefix("keep-alive timed out"), UnknownEffect, "the connection was given up with the request on it"),
    row(Transport, Code::Unknown, Exact("transport error"), UnknownEffect, "the connection broke with the request on it"),
    row(
        Transport,
        Code::OutOfRange,
        Prefix("Error, decoded message length too large"),
        UnknownEffect,
        "the answer was too large to read, but it was one",
    ),
    // Reported by `etcd-client` when the answer to a keep-alive has no time to live.
    row(
        Transport,
        Code::NotFound,
        Exact(super::errors::LEASE_GONE),
        NoEffect,
        "a keep-alive writes nothing, and the answer was that the lease is gone",
    )
    .because(Cause::LeaseNotFound),
];

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::request::{Put, Range, Txn, TxnOp};

    use super::*;

    fn requests() -> [Request; 4] {
        let put = TxnOp::Put(Put::default());
        [
            Request::Lock { name: "name".into(), lease: 7 },
            Request::Txn(Txn { success: vec![put], ..Txn::default() }),
            Request::Put(Put::default()),
            Request::Range(Range::default()),
        ]
    }

    #[test]
    fn every_row_gives_a_reason_and_can_be_reached() {
        for (position, row) in TABLE.iter().enumerate() {
            assert!(row.reason.len() > 20, "row {position} gives no reason");
            let (Exact(text) | Prefix(text)) = row.text;
            let request = requests().into_iter().find(|request| row.applies_to(request)).unwrap();
            let found = find(&request, row.code, text).unwrap();
            assert!(std::ptr::eq(found, row), "row {position} is hidden by an earlier one: {text}");
        }
    }

    #[test]
    fn an_error_of_etcd_may_arrive_without_its_code() {
        for row in TABLE.iter().filter(|row| row.origin == Origin::Etcd) {
            let (Exact(text) | Prefix(text)) = row.text;
            for request in requests().iter().filter(|request| row.applies_to(request)) {
                let [with_code, without] = [row.code, Code::Unknown].map(|code| find(request, code, text).map(Row::effect));
                assert_eq!(with_code, without, "{text}");
            }
        }
        assert!(find(&requests()[2], Code::Unknown, "keep-alive timed out").is_none());
    }

    #[test]
    fn a_cause_is_known_by_code_and_text() {
        assert_eq!(cause("InvalidArgument", "etcdserver: request is too large"), Some(Cause::TooLarge));
        assert_eq!(cause("Unknown", "etcdserver: request is too large"), Some(Cause::TooLarge));
        assert_eq!(cause("ResourceExhausted", "grpc: received message larger than max (9 vs. 8)"), Some(Cause::TooLarge));
        assert_eq!(cause("NotFound", "etcdserver: requested lease not found"), Some(Cause::LeaseNotFound));
        assert_eq!(cause("NotFound", "lease not found"), Some(Cause::LeaseNotFound));
        assert_eq!(cause("Unavailable", "etcdserver: request is too large"), None);
        assert_eq!(cause("NotFound", "etcdserver: member not found"), None);
    }
}
