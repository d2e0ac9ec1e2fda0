//! A finding for the tests of reporters.

use std::collections::BTreeMap;

use ticketcd_judge::core::verdict::{Anomaly, AnomalyGroup, Finding, Verdict};

/// What the ledger reports of one order: a single anomaly of this kind, explained in one sentence, and 4,718 orders as evidence.
pub(super) fn found_by_ledger(kind: &str, sentence: &str) -> Finding {
    let anomaly = Anomaly { explanation: vec![sentence.to_owned()], ..Anomaly::default() };
    let group = AnomalyGroup {
        kind: kind.to_owned(),
        count: 1,
        consequence_of: None,
        known_defect: None,
        first: anomaly.clone(),
        worst: anomaly.clone(),
        last: anomaly,
    };
    Finding {
        name: "ledger".to_owned(),
        verdict: Verdict::Violation,
        reason: None,
        evidence: BTreeMap::from([("acknowledged".to_owned(), 4_718)]),
        anomalies: vec![group],
        revenue: Vec::new(),
    }
}
