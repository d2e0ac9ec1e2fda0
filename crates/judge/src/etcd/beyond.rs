//! Responses with a revision that never existed.

use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::Basis;
use ticketcd_history::Revision;

/// A response with a revision that never existed: later responses look old in comparison.
pub(super) static BEYOND_WHAT_EXISTS: AnomalyKind = AnomalyKind::explaining(
    "beyond_what_exists",
    "A response carries a revision that no member had reached by the end of the run. Later responses look stale in comparison and are reported as its consequences.",
    Basis::EarlierResponses,
);

/// Why the revision of a response never existed, in a sentence.
pub(super) fn never_existed(last: Revision) -> String {
    format!("The last revision of the log and of every audited member is {last}: no such state ever existed.")
}
