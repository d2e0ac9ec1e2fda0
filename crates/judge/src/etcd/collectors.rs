//! The collectors: whether every revision was delivered, by each of them once and in order.

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::revision_log::{Irregularity, IrregularityKind};
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::event::Event;
use ticketcd_history::seconds;
use ticketcd_history::watch::WatchRole;

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "collectors",
    promise: "The watches that the evidence comes from deliver every revision, whole and in order.",
    source: "etcd's API guarantees of watches",
    kinds: &[&GAP, &DUPLICATE, &OUT_OF_ORDER, &SPLIT_REVISION, &BEFORE_START],
    basis: Basis::Deliveries,
    view: None,
    online: true,
};

static GAP: AnomalyKind = AnomalyKind::new("gap", "A collector received a revision without the ones directly before it.");
static DUPLICATE: AnomalyKind = AnomalyKind::new("duplicate", "A collector received a revision twice.");
static OUT_OF_ORDER: AnomalyKind = AnomalyKind::new("out_of_order", "A collector received a revision after a later one.");
static SPLIT_REVISION: AnomalyKind =
    AnomalyKind::new("split_revision", "A collector received the events of one revision in more than one message.");
static BEFORE_START: AnomalyKind = AnomalyKind::new("before_start", "A collector received a revision below its start revision.");

/// What was irregular so far.
#[derive(Debug, Default)]
pub struct Collectors {
    anomalies: Anomalies,
    subscriptions: u64,
}

impl Collectors {
    fn add(&mut self, irregularity: &Irregularity) {
        let Irregularity { kind, member, subscription, revision, against, at } = irregularity;
        let who = format!("At {:.3} s {} delivered revision {revision} to watch {subscription}", seconds(*at), member.name());
        let (kind, what, severity) = match kind {
            IrregularityKind::Duplicate => (&DUPLICATE, "a second time".to_owned(), 1),
            IrregularityKind::Split => (&SPLIT_REVISION, "in more than one message".to_owned(), 1),
            IrregularityKind::OutOfOrder => (&OUT_OF_ORDER, format!("after revision {against}"), against.saturating_sub(*revision)),
            IrregularityKind::BeforeStart => {
                (&BEFORE_START, format!("which starts at revision {against}"), against.saturating_sub(*revision))
            }
            IrregularityKind::Gap => (
                &GAP,
                format!("right after revision {against}: the revisions between were not delivered"),
                revision.saturating_sub(*against) - 1,
            ),
        };
        self.anomalies.add(
            kind,
            *at,
            Anomaly {
                explanation: vec![format!("{who}, {what}.")],
                severity: u64::try_from(severity).unwrap_or(0),
                revision: Some(*revision),
                members: vec![member.name()],
                ..Anomaly::default()
            },
        );
    }
}

impl Check for Collectors {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        matches!(kind, ObservationKind::Event | ObservationKind::Delivery)
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        match observation {
            Observation::Event(Event::WatchOpened(opened)) if opened.role == WatchRole::Collector => self.subscriptions += 1,
            Observation::Irregularity(irregularity) => self.add(irregularity),
            _ => {}
        }
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let log = end.log;
        let counts = evidence([
            ("subscriptions", self.subscriptions),
            ("deliveries", log.deliveries),
            ("revisions", log.revisions),
            ("missing_revisions", log.missing),
        ]);
        let lacking = match (self.subscriptions, log.revisions, log.first_missing) {
            (0, ..) => Some("No collector was opened.".to_owned()),
            (_, 0, _) => Some("No collector delivered a revision.".to_owned()),
            // It is unknown whether no collector delivered them, or the file lost them.
            (.., Some(missing)) => {
                let revisions = if log.missing == 1 { "revision" } else { "revisions" };
                Some(format!("The record contains no delivery of {} {revisions}; the first is {missing}.", log.missing))
            }
            _ => None,
        };
        self.anomalies.into_finding(&CHECK, counts, lacking)
    }
}
