//! Kinds of anomalies that have no plant of their own.

use crate::Plant;

/// A kind that is found beside another one: what is planted breaks two promises, or one in two ways.
pub(super) struct Beside {
    pub(super) check: &'static str,
    pub(super) kind: &'static str,
    pub(super) plant: Plant,
    pub(super) meaning: &'static str,
}

/// Kinds that are found beside others.
pub(super) const BESIDE: [Beside; 4] = [
    Beside {
        check: "oversell",
        kind: "oversold",
        plant: Plant::Oversell,
        meaning: "More were bought than there are, by the purchases: the same mistake, seen from the other side of the books.",
    },
    Beside {
        check: "conservation",
        kind: "surplus_tickets",
        plant: Plant::DoubleRelease,
        meaning: "There are more tickets by the books than there ever were, and nobody wrote over anybody: the shop will sell them.",
    },
    Beside {
        check: "authorship",
        kind: "two_authors",
        plant: Plant::LostOrder,
        meaning: "Two buyers were told that the same revision is theirs: one of them has nothing.",
    },
    Beside {
        check: "authorship",
        kind: "refused_but_written",
        plant: Plant::RefusedButApplied,
        meaning: "The same as in the ledger, seen in the store: it also finds what is no order.",
    },
];

/// Kinds that cannot be planted: check, kind, and what it is.
pub(super) const UNPLANTED: [(&str, &str, &str); 5] = [
    (
        "real_time",
        "beyond_what_exists",
        "an answer that must be the newest names a revision that no member has at the end: whatever is answered later looks old beside it, and is told as its consequence",
    ),
    (
        "watch",
        "starved",
        "a watch from an old revision receives nothing, or no refusal, in its time, on a member that had more than 512 unsynced watches while compactions ran: etcd issue 22294, which every release has; a scenario can waive it by that name",
    ),
    (
        "watch",
        "previous_missing_at_creation",
        "the first events of a watch lack the previous values that it asked for: every release of etcd looks them up before it has noted that they were asked for; a scenario can waive it as `etcd/prev-kv-at-creation`",
    ),
    (
        "divergence",
        "revision_rewritten",
        "a member delivers a revision to a new watch with another content than to an earlier one, before any other member delivered it; with members that keep up, `members_disagree` is found instead",
    ),
    (
        "recovery",
        "not_recovered",
        "the cluster makes no progress within its time after a fault is healed; that is said loudly, but it leaves the verdict unknown and is no violation",
    ),
];
