//! The collectors: whether every revision was delivered, by each of them once and in order.

use crate::core::anomalies::{Anomalies, evidence};
use crate::core::revision_log::{Irregularity, IrregularityKind, RevisionLog};
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::seconds;

/// Name of the finding.
const NAME: &str = "collectors";

/// What was irregular so far.
#[derive(Debug, Default)]
pub(crate) struct Collectors {
    anomalies: Anomalies,
    subscriptions: u64,
    deliveries: u64,
}

impl Collectors {
    pub(crate) fn opened(&mut self) {
        self.subscriptions += 1;
    }

    pub(crate) fn delivered(&mut self) {
        self.deliveries += 1;
    }

    pub(crate) fn add(&mut self, irregularity: &Irregularity) {
        let Irregularity { kind, member, subscription, revision, against, at } = irregularity;
        let who = format!("At {:.3} s {} delivered revision {revision} to watch {subscription}", seconds(*at), member.name());
        let (kind, what, severity) = match kind {
            IrregularityKind::Duplicate => ("duplicate", "a second time".to_owned(), 1),
            IrregularityKind::Split => ("split_revision", "in more than one message".to_owned(), 1),
            IrregularityKind::OutOfOrder => ("out_of_order", format!("after revision {against}"), against.saturating_sub(*revision)),
            IrregularityKind::BeforeStart => {
                ("before_start", format!("which was asked to begin at revision {against}"), against.saturating_sub(*revision))
            }
            IrregularityKind::Gap => {
                ("gap", format!("right after revision {against}: what lies between had not come"), revision.saturating_sub(*against) - 1)
            }
        };
        self.anomalies.add(
            kind,
            *at,
            Anomaly {
                story: vec![format!("{who}, {what}.")],
                severity: u64::try_from(severity).unwrap_or(0),
                revision: Some(*revision),
                members: vec![member.name()],
                ..Anomaly::default()
            },
        );
    }

    pub(crate) fn finish(self, log: &RevisionLog) -> Finding {
        let counts = evidence([
            ("subscriptions", self.subscriptions),
            ("deliveries", self.deliveries),
            ("revisions", log.revisions()),
            ("missing_revisions", log.missing()),
        ]);
        let lacking = match (self.subscriptions, log.revisions(), log.first_missing()) {
            (0, ..) => Some("No collector was opened.".to_owned()),
            (_, 0, _) => Some("No collector delivered a revision.".to_owned()),
            // Whether no collector delivered them, or the file lost them, it does not say.
            (.., Some(missing)) => {
                let revisions = if log.missing() == 1 { "revision" } else { "revisions" };
                Some(format!("The record holds no delivery of {} {revisions}, the first of them {missing}.", log.missing()))
            }
            _ => None,
        };
        self.anomalies.into_finding(NAME, counts, lacking)
    }
}
