//! Why orders were rejected.

use std::fmt;

use super::Explain;
use ticketcd_history::annotation::RejectionCause;

impl Explain for RejectionCause {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unstated => "without a recorded cause",
            Self::InvalidOrder => "invalid order",
            Self::NotFound => "event, ticket type or order not found",
            Self::UnreadableValue => "stored value not readable",
            Self::Overflow => "price or count too large",
            Self::Unavailable => "member unavailable",
            Self::TimedOut => "read without response",
            Self::RefusedByEtcd => "refused by etcd",
            Self::NoLock => "no lease or lock granted",
            Self::NotPaid => "reserved but not paid",
            Self::Cancelled => "cancelled by the buyer",
            Self::ReservationLost => "reservation expired or unknown",
            Self::Script => "rejected by the script",
            Self::ScriptFailed => "script failed",
            Self::StrategyEnded => "the load had ended",
        })
    }
}
