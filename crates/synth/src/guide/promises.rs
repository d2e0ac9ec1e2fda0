//! The promise of every check, and where it comes from.

/// A check, told in a line.
pub(super) struct Promise {
    pub(super) check: &'static str,
    pub(super) promise: &'static str,
    /// Where it comes from.
    pub(super) source: &'static str,
}

/// All checks, in the order of the page.
pub(super) const PROMISES: [Promise; 20] = [
    Promise {
        check: "oversell",
        promise: "At every revision no ticket's stock is below zero or above its total, and no more are reserved and sold than there are.",
        source: "the rule of the original TickETCD: a ticket is sold once",
    },
    Promise {
        check: "conservation",
        promise: "At every revision a ticket's total is what is left, held and sold of it, and an event has what its tickets have.",
        source: "double-entry book-keeping",
    },
    Promise {
        check: "revenue",
        promise: "By event type, the counters, the purchase records and the buyers' receipts agree to the cent.",
        source: "query 2 of the original TickETCD, and double-entry book-keeping",
    },
    Promise {
        check: "ledger",
        promise: "Acknowledged orders are there exactly once, refused ones nowhere, unknown ones once or not at all, on every member alike.",
        source: "etcd's API guarantees (a completed operation is durable), and the shop's unique order ids",
    },
    Promise {
        check: "refusal",
        promise: "Whoever is told \"sold out\" is told so while it is true.",
        source: "the shop's own rule, asked of linearizable reads",
    },
    Promise {
        check: "indexes",
        promise: "What search finds by type, location and word is what there is, and all that there is.",
        source: "query 4 of the original TickETCD",
    },
    Promise {
        check: "holds",
        promise: "Every reservation ends exactly once: confirmed, given up, or released after its lease ran out.",
        source: "the shop's own rule, and etcd's guarantee that a lease lives for the time it was granted",
    },
    Promise {
        check: "locks",
        promise: "Who writes under a fenced lock holds it.",
        source: "etcd's lock API (the oldest key holds the lock); Kleppmann, “How to do distributed locking”",
    },
    Promise {
        check: "real_time",
        promise: "What began after something was answered sees it.",
        source: "Herlihy and Wing, “Linearizability” (1990); etcd's API guarantees",
    },
    Promise {
        check: "authorship",
        promise: "Every revision has exactly one author, and holds exactly what that author sent.",
        source: "etcd's API guarantees (operations are atomic and durable)",
    },
    Promise { check: "branch", promise: "Every transaction takes the branch that its guards say.", source: "etcd's API (`Txn`)" },
    Promise {
        check: "reads",
        promise: "Every value that is read was the current one at the revision the answer names.",
        source: "etcd's API (`ResponseHeader.revision`)",
    },
    Promise {
        check: "sessions",
        promise: "Each client reads forward, and sees what it wrote itself.",
        source: "Terry et al., “Session Guarantees for Weakly Consistent Replicated Data” (1994)",
    },
    Promise {
        check: "serializable",
        promise: "A read that may be stale still names a state that existed, and a member never goes back.",
        source: "etcd's API (`RangeRequest.serializable`)",
    },
    Promise {
        check: "watch",
        promise: "Boards are told everything they asked for, once, in order, whole, and as it was.",
        source: "etcd's API guarantees of watches",
    },
    Promise {
        check: "divergence",
        promise: "All members deliver the same content for the same revision.",
        source: "Raft's state machine safety",
    },
    Promise {
        check: "collectors",
        promise: "The watches that the evidence comes from deliver every revision, whole and in order.",
        source: "etcd's API guarantees of watches",
    },
    Promise {
        check: "replicas",
        promise: "At rest, and again after a restart of all, every member has the same content.",
        source: "Raft's state machine safety, and etcd's durability",
    },
    Promise {
        check: "recovery",
        promise: "Members end only when they are ended, and after a fault is healed the cluster makes progress.",
        source: "etcd's promise to survive the loss of a minority",
    },
    Promise { check: "logs", promise: "No member reports a panic, a fatal error or corruption.", source: "etcd's own words" },
];
