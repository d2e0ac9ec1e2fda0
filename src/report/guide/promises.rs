//! What each check proves, and where the promise comes from.

/// The promise of a check and its source, in Markdown; a sentence that says so when it is not known.
pub(super) fn promise(check: &str) -> &'static str {
    match check {
        "divergence" => {
            "All members deliver the same content for the same revision. Where they do not, that is the root cause, and what is found \
             later is marked as its consequence. Source: Raft's state machine safety (Ongaro and Ousterhout, 2014)."
        }
        "collectors" => {
            "The watches that the evidence comes from deliver every revision, whole, once and in order. Source: etcd's API guarantees \
             for watches."
        }
        "oversell" => {
            "At no revision is a ticket's stock negative, and never are more sold than there were. Source: the rule of the shop that \
             a ticket is sold once."
        }
        "conservation" => {
            "At every revision what is left, reserved and sold of a ticket adds up to its total, and an event counts what its tickets \
             count. Source: double-entry book-keeping, for every sale is one transaction."
        }
        "revenue" => {
            "By event type the stock counters, the purchase records and the buyers' receipts agree to the cent; only orders whose end \
             is unknown may make a difference. Source: the same money counted in three places."
        }
        "ledger" => {
            "An acknowledged order is there exactly once, a refused one nowhere, an unknown one once or not at all, on every member \
             alike; and nothing is there that nobody ordered. Source: etcd's API guarantees (a completed operation is durable, a failed \
             guard writes nothing), with ids that stay the same over all attempts."
        }
        "refusal" => {
            "Whoever was told \"sold out\" was told so while it was true. Source: linearizability (Herlihy and Wing, 1990): an answer \
             takes effect between call and return."
        }
        "indexes" => {
            "The search keys name exactly the events that they should. Source: the search queries of the original TickETCD; nothing \
             changes them during a sale."
        }
        "real_time" => {
            "What was sent after something else had been answered sees at least that, and a write comes strictly after it. Source: \
             etcd's API guarantees (strict serializability); the real-time order of Herlihy and Wing (1990)."
        }
        "authorship" => {
            "Every revision was written by exactly one request, as it was sent, or by the end of one lease. Source: etcd's data model, \
             in which every writing request is one revision; Jepsen calls what breaks it a phantom or an aborted read."
        }
        "branch" => {
            "Every transaction took the branch that its guards say. Source: etcd's API: the success branch is carried out when all \
             comparisons hold."
        }
        "reads" => {
            "Every value read was the current one at the revision that the answer names, and no key of the range is left out. Source: \
             etcd's data model (one immutable key space for each revision); snapshot isolation (Adya, 1999)."
        }
        "serializable" => {
            "A read that may be stale is of a state that there was, and a member's answers never go back while its process lives. \
             Source: etcd's API documentation of serializable ranges; monotonic reads (Terry et al., 1994)."
        }
        "sessions" => "Each client reads forward and sees what it wrote itself. Source: the session guarantees of Terry et al. (1994).",
        "watch" => {
            "A stock board is told every event of its range, once, in order, a revision at a time and from where it asked for; and a \
             progress notification means what it says. Source: etcd's API guarantees for watches."
        }
        "replicas" => {
            "At rest, and again after a restart of all members, every member has the same revision, hash, leases and content. Source: \
             Raft's state machine safety (Ongaro and Ousterhout, 2014)."
        }
        "recovery" => {
            "A member's process ends only when it is ended, and after a fault is healed the cluster makes progress. Source: etcd's \
             documentation of failures that it survives."
        }
        "logs" => "No member reports a panic, a fatal error or corruption. Source: etcd logs these only where it cannot go on.",
        "holds" => {
            "No reservation ends early, ends twice, or keeps its tickets for ever. Source: the shop's rule for reservations, and etcd's \
             guarantees for the lease that keeps one alive."
        }
        "locks" => {
            "Whoever writes under a fenced lock holds it, and no lease ends early. Source: etcd's guarantees for leases and locks; \
             fencing (Kleppmann, \"How to do distributed locking\", 2016)."
        }
        _ => "Its promise is described in its file.",
    }
}
