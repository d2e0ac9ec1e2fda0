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
