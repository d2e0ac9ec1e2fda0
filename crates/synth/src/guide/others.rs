//! Kinds of anomalies that have no mutation of their own.

use crate::mutation::Mutation;

/// A kind that is reported beside another one: the mutation breaks two promises, or one in two ways.
pub(super) struct Beside {
    pub(super) check: &'static str,
    pub(super) kind: &'static str,
    pub(super) mutation: Mutation,
    pub(super) meaning: &'static str,
}

/// Kinds that are reported beside others.
pub(super) const BESIDE: [Beside; 4] = [
    Beside {
        check: "oversell",
        kind: "oversold",
        mutation: Mutation::Oversell,
        meaning: "By the purchases, more tickets were sold than exist: the same error, seen from the other side of the books.",
    },
    Beside {
        check: "conservation",
        kind: "surplus_tickets",
        mutation: Mutation::DoubleRelease,
        meaning: "By the books there are more tickets than the total, and no write overwrote another: the shop will sell them.",
    },
    Beside {
        check: "authorship",
        kind: "two_authors",
        mutation: Mutation::LostOrder,
        meaning: "Two purchases were acknowledged with the same revision: one of the buyers has nothing.",
    },
    Beside {
        check: "authorship",
        kind: "refused_but_written",
        mutation: Mutation::RefusedButApplied,
        meaning: "The same as in the ledger, seen in etcd: it also covers requests that are not orders.",
    },
];

/// Kinds without a mutation: check, kind, and what it is.
pub(super) const WITHOUT_MUTATION: [(&str, &str, &str); 5] = [
    (
        "real_time",
        "beyond_what_exists",
        "a response to a linearizable operation names a revision that no member has at the end: later responses look stale in comparison, and are reported as its consequence",
    ),
    (
        "watch",
        "starved",
        "a watch from an old revision receives nothing, or is not refused, within its time, on a member that had more than 512 unsynced watches while compactions ran: etcd issue 22294, which affects every release; a scenario can waive it by that name",
    ),
    (
        "watch",
        "previous_missing_at_creation",
        "the first events of a watch lack the previous values that it requested: every release of etcd reads them before it has registered the request; a scenario can waive it as `etcd/prev-kv-at-creation`",
    ),
    (
        "divergence",
        "revision_rewritten",
        "a member delivers a revision to a new watch with content that differs from an earlier delivery, before any other member delivered it; with members that keep up, `members_disagree` is reported instead",
    ),
    (
        "recovery",
        "not_recovered",
        "the cluster makes no progress within its time after a fault is healed; this is reported prominently, leaves the verdict unknown, and is not a violation",
    ),
];
