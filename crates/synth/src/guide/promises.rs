//! The promise of every check, and where it comes from.

/// A check, in a line.
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
        promise: "At every revision, no ticket's stock is below zero or above its total, and no more tickets are reserved and sold than exist.",
        source: "the rule of the original TickETCD: a ticket is sold once",
    },
    Promise {
        check: "conservation",
        promise: "At every revision, a ticket's total equals what is left, held and sold, and an event's counter equals the sum of its tickets.",
        source: "double-entry bookkeeping",
    },
    Promise {
        check: "revenue",
        promise: "By event type, the counters, the purchase records and the buyers' receipts agree to the cent.",
        source: "query 2 of the original TickETCD, and double-entry bookkeeping",
    },
    Promise {
        check: "ledger",
        promise: "On every member, acknowledged orders exist exactly once, refused ones do not exist, and unknown ones exist at most once.",
        source: "etcd's API guarantees (a completed operation is durable), and the shop's unique order ids",
    },
    Promise {
        check: "refusal",
        promise: "An order is refused as sold out only while that is true.",
        source: "the shop's own rule, applied to linearizable reads",
    },
    Promise {
        check: "indexes",
        promise: "A search by type, location and word returns all matching events, and only those.",
        source: "query 4 of the original TickETCD",
    },
    Promise {
        check: "holds",
        promise: "Every reservation ends exactly once: confirmed, cancelled, or released after its lease expired.",
        source: "the shop's own rule, and etcd's guarantee that a lease lives for the time it was granted",
    },
    Promise {
        check: "locks",
        promise: "Only the holder of a fenced lock writes under it.",
        source: "etcd's lock API (the oldest key holds the lock); Kleppmann, “How to do distributed locking”",
    },
    Promise {
        check: "real_time",
        promise: "An operation sees everything that was acknowledged before it was sent.",
        source: "Herlihy and Wing, “Linearizability” (1990); etcd's API guarantees",
    },
    Promise {
        check: "authorship",
        promise: "Every revision has exactly one author, and contains exactly what that author sent.",
        source: "etcd's API guarantees (operations are atomic and durable)",
    },
    Promise { check: "branch", promise: "Every transaction takes the branch that its guards determine.", source: "etcd's API (`Txn`)" },
    Promise {
        check: "reads",
        promise: "Every value that a read returns was current at the revision of its header.",
        source: "etcd's API (`ResponseHeader.revision`)",
    },
    Promise {
        check: "sessions",
        promise: "Each client's reads never go back in time, and include its own writes.",
        source: "Terry et al., “Session Guarantees for Weakly Consistent Replicated Data” (1994)",
    },
    Promise {
        check: "serializable",
        promise: "A read that may be stale returns a state that existed, and a member never goes back.",
        source: "etcd's API (`RangeRequest.serializable`)",
    },
    Promise {
        check: "watch",
        promise: "A watch receives every event of its range once, in order, whole and unaltered.",
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
        promise: "At rest, and again after a restart of all members, every member has the same content.",
        source: "Raft's state machine safety, and etcd's durability",
    },
    Promise {
        check: "recovery",
        promise: "A member exits only when it is stopped, and after a fault is healed the cluster makes progress.",
        source: "etcd's promise to survive the loss of a minority",
    },
    Promise { check: "logs", promise: "No member logs a panic, a fatal error or corruption.", source: "etcd's own log messages" },
];
