//! Judges each order at the end of the record.

use std::collections::BTreeMap;

use super::order::{Acknowledgement, Order};
use super::replica_set::ReplicaSet;
use super::{ALTERED_ORDER, CHECK, DIVERGENT_ORDER, LOST_ORDER, Ledger, PHANTOM_ORDER, REFUSED_BUT_APPLIED};
use crate::core::anomalies::one_reason;
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::audits::{MemberSet, names_of, stage_name};
use crate::core::check::End;
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::audit::AuditStage;
use ticketcd_history::{OrderId, OrderKey, Revision, seconds};

/// The members whose content is evidence, in one audit.
#[derive(Clone, Copy, Debug)]
struct Witnesses {
    stage: AuditStage,
    /// Completely read, and not behind any other.
    present: MemberSet,
    /// An order up to this revision that they lack is absent. Partitioned members may lack later ones.
    until: Revision,
}

#[derive(Debug, Default)]
struct Counts {
    acknowledged: u64,
    acknowledged_beyond_log: u64,
    acknowledged_beyond_audit: u64,
    refused: u64,
    unknown: u64,
    unknown_applied: u64,
    unknown_absent: u64,
    unknown_resolved: u64,
    unrecorded: u64,
    cancellations: u64,
}

/// A violation of one order.
struct Violation {
    kind: &'static AnomalyKind,
    revision: Revision,
    explanation: String,
    members: MemberSet,
}

pub(super) fn judge(mut ledger: Ledger, end: &End<'_>) -> Finding {
    ledger.update_all_orders();
    let witnesses: Vec<Witnesses> = ReplicaSet::STAGES
        .into_iter()
        .map(|stage| {
            let present = ledger.audits.up_to_date(stage);
            let read = ledger.audits.complete(stage).count_ones();
            let all = usize::try_from(read).is_ok_and(|read| read == end.info.members.len());
            // All members were read, and a majority of them acknowledged a write at the end: no order is still to come.
            let until = if all && ledger.barrier_held { Revision::MAX } else { ledger.audits.revision_of(stage, present) };
            Witnesses { stage, present, until }
        })
        // An order may be in a value that cannot be parsed, so it is not known to be absent.
        .filter(|witnesses| witnesses.present != 0 && ledger.unreadable_values == 0)
        .collect();
    let everyone =
        usize::try_from(ledger.audits.up_to_date(AuditStage::Healed).count_ones()).is_ok_and(|count| count == end.info.members.len());
    let mut counts = Counts::default();
    // Not sorted: the anomalies are sorted by time where they are collected.
    let orders = std::mem::take(&mut ledger.orders);
    for (key, order) in orders.iter() {
        ledger.count(&mut counts, key, order, &witnesses, everyone, end);
        for violation in ledger.violations(key, order, &witnesses, end) {
            if !ledger.locations.has(key, violation.kind) {
                ledger.add(key, order, violation);
            }
        }
    }
    ledger.describe_locations();
    let reasons = ledger.reasons(&counts, &witnesses, end);
    let evidence = ledger.evidence(&counts, &witnesses);
    ledger.anomalies.into_finding(&CHECK, evidence, one_reason(&reasons))
}

impl Ledger {
    fn count(&self, counts: &mut Counts, key: OrderKey, order: &Order, witnesses: &[Witnesses], everyone: bool, end: &End<'_>) {
        counts.cancellations += u64::from(order.is_cancel);
        match order.acknowledgement {
            Acknowledgement::Sold => {
                counts.acknowledged += 1;
                counts.acknowledged_beyond_log += u64::from(order.acknowledged_revision > self.judged_until(end));
                let until = witnesses.iter().map(|witnesses| witnesses.until).max();
                counts.acknowledged_beyond_audit += u64::from(until.is_some_and(|until| order.acknowledged_revision > until));
            }
            Acknowledgement::Refused => counts.refused += 1,
            Acknowledgement::Unknown | Acknowledgement::Open => {
                let held = witnesses.iter().any(|witnesses| order.replicas.of(witnesses.stage) & witnesses.present != 0);
                let applied = order.log_revision != 0 || held;
                counts.unknown += 1;
                counts.unknown_applied += u64::from(applied);
                counts.unknown_absent += u64::from(!applied && everyone);
                counts.unknown_resolved += u64::from(everyone);
            }
            Acknowledgement::Unplaced => counts.unrecorded += u64::from(order.is_present() && self.may_be_unrecorded(key, end)),
        }
    }

    /// The log is evidence up to here.
    fn judged_until(&self, end: &End<'_>) -> Revision {
        self.log_until.min(end.log.unbroken_until)
    }

    /// Whether the placing of the order may be missing from the record: the record is truncated, and this would be the buyer's
    /// last order.
    fn may_be_unrecorded(&self, key: OrderKey, end: &End<'_>) -> bool {
        !end.complete && key.sequence > self.last_placed.get(&key.buyer).copied().unwrap_or(0)
    }

    fn violations(&self, key: OrderKey, order: &Order, witnesses: &[Witnesses], end: &End<'_>) -> Vec<Violation> {
        let mut violations = Vec::new();
        let anywhere = order.replicas.in_any_audit();
        match order.acknowledgement {
            Acknowledgement::Unplaced if order.is_present() && !self.may_be_unrecorded(key, end) => {
                let written = if order.log_revision != 0 {
                    format!(", written at revision {} ({:.3} s)", order.log_revision, seconds(order.at))
                } else {
                    String::new()
                };
                let explanation = format!("it exists{written}, but no buyer of this run placed it");
                violations.push(Violation { kind: &PHANTOM_ORDER, revision: order.log_revision, explanation, members: anywhere });
            }
            Acknowledgement::Refused if order.is_present() => {
                let place = match order.log_revision {
                    0 => format!("is present on {}", names_of(anywhere).join(", ")),
                    revision => format!("was written at revision {revision}"),
                };
                let explanation = format!("it was refused at {:.3} s, but {place}", seconds(order.at));
                violations.push(Violation { kind: &REFUSED_BUT_APPLIED, revision: order.log_revision, explanation, members: anywhere });
            }
            Acknowledgement::Sold => violations.extend(self.violation_in_log(order, end)),
            _ => {}
        }
        let lost_in_log = violations.iter().any(|violation| *violation.kind == LOST_ORDER);
        let dropped_in_log = order.log_revision != 0 && !order.in_log;
        // A loss is reported once: from the log if possible, else from the first audit that lacks it.
        if !lost_in_log && !dropped_in_log && order.acknowledgement != Acknowledgement::Unplaced {
            violations.extend(witnesses.iter().find_map(|witnesses| violation_at(order, *witnesses)));
        }
        violations
    }

    /// Whether the log has an acknowledged order at the acknowledged revision.
    fn violation_in_log(&self, order: &Order, end: &End<'_>) -> Option<Violation> {
        let (acknowledged, found) = (order.acknowledged_revision, order.log_revision);
        if acknowledged > self.judged_until(end) || found == acknowledged {
            return None;
        }
        let what = format!("it was acknowledged at {:.3} s with revision {acknowledged}", seconds(order.at));
        Some(match found {
            0 => Violation {
                kind: &LOST_ORDER,
                revision: acknowledged,
                explanation: format!("{what}, but that revision did not write it"),
                members: 0,
            },
            found => Violation {
                kind: &ALTERED_ORDER,
                revision: found,
                explanation: format!("{what}, but written at revision {found}"),
                members: 0,
            },
        })
    }

    fn add(&mut self, key: OrderKey, order: &Order, violation: Violation) {
        let id = self.order_id(key);
        // For an order that no buyer placed, the log shows the user and the event.
        let is_known = order.content != 0 || order.log_revision != 0;
        let (user, event) = (self.users.name(order.user), self.events.name(order.event));
        let who = if is_known { format!(" of user {user} for event {event}") } else { String::new() };
        let anomaly = Anomaly {
            explanation: vec![format!("Order {id}{who}: {}.", violation.explanation)],
            severity: 1,
            revision: (violation.revision != 0).then_some(violation.revision),
            keys: is_known.then(|| self.keys.purchase(&user, &event).to_text()).into_iter().collect(),
            orders: vec![id],
            members: names_of(violation.members),
            ..Anomaly::default()
        };
        self.anomalies.add(violation.kind, order.at, anomaly);
    }

    /// Adds all places where an anomaly was found to its explanation.
    fn describe_locations(&mut self) {
        for (kind, anomaly) in self.anomalies.shown_mut() {
            let order = anomaly.orders.first().and_then(|order| order.parse::<OrderId>().ok());
            if let Some(id) = order {
                self.locations.describe(id.key, kind, anomaly);
            }
        }
    }

    fn reasons(&self, counts: &Counts, witnesses: &[Witnesses], end: &End<'_>) -> Vec<String> {
        let mut reasons = Vec::new();
        if counts.acknowledged == 0 {
            let others = counts.refused + counts.unknown;
            reasons.push(format!("No order was acknowledged, so durability was not tested; {others} orders had another outcome."));
        }
        for stage in [AuditStage::Healed, AuditStage::Restarted] {
            if stage == AuditStage::Healed || self.audits.any(stage) {
                reasons.extend(self.audits.missing(stage, end.info));
                let behind = self.audits.complete(stage) & !self.audits.up_to_date(stage);
                reasons.extend(
                    names_of(behind).into_iter().map(|member| format!("Member {member} was behind the others {}.", stage_name(stage))),
                );
            }
        }
        if witnesses.is_empty() && reasons.is_empty() {
            reasons.push("No member was read.".to_owned());
        }
        if self.log_has_hole || end.log.missing > 0 {
            reasons.push(format!("The log of revisions has a gap after revision {}.", self.log_until));
        } else if counts.acknowledged_beyond_log > 0 {
            reasons.push(format!(
                "{} acknowledged orders are beyond the last delivered revision {}.",
                counts.acknowledged_beyond_log,
                self.judged_until(end)
            ));
        }
        if counts.acknowledged_beyond_audit > 0 {
            let beyond = counts.acknowledged_beyond_audit;
            reasons.push(format!("{beyond} acknowledged orders are later than what the audited members had applied."));
        }
        if counts.unrecorded > 0 {
            reasons.push(format!("The record is incomplete: it lacks {} orders that are in the data.", counts.unrecorded));
        }
        if self.unreadable_values > 0 {
            reasons.push(format!("{} purchase values could not be parsed.", self.unreadable_values));
        }
        reasons
    }

    fn evidence(&self, counts: &Counts, witnesses: &[Witnesses]) -> BTreeMap<String, u64> {
        let audits = witnesses.iter().map(|witnesses| u64::from(witnesses.present.count_ones()));
        crate::core::anomalies::evidence([
            ("acknowledged", counts.acknowledged),
            ("acknowledged_beyond_log", counts.acknowledged_beyond_log),
            ("refused", counts.refused),
            ("unknown", counts.unknown),
            ("unknown_applied", counts.unknown_applied),
            ("unknown_absent", counts.unknown_absent),
            ("unknown_resolved", counts.unknown_resolved),
            ("unrecorded_orders", counts.unrecorded),
            ("cancellations", counts.cancellations),
            ("other_elements", self.other_elements),
            ("log_revisions", self.log_revisions),
            ("members_audited", audits.clone().max().unwrap_or(0)),
            ("audits", audits.sum()),
        ])
    }
}

impl Order {
    /// Whether it was found anywhere.
    fn is_present(&self) -> bool {
        self.log_revision != 0 || self.replicas.in_any_audit() != 0
    }
}

/// The violation of a placed order in an audit, if any.
fn violation_at(order: &Order, Witnesses { stage, present, until }: Witnesses) -> Option<Violation> {
    let having = order.replicas.of(stage) & present;
    let lacking = present & !having;
    let when = stage_name(stage);
    // Formatted only for violations: there are millions of orders.
    let bought = || match (order.acknowledgement, order.log_revision) {
        (Acknowledgement::Sold, _) => {
            format!("it was acknowledged at {:.3} s with revision {}", seconds(order.at), order.acknowledged_revision)
        }
        (_, 0) => "its outcome is unknown".to_owned(),
        (_, revision) => format!("it was written at revision {revision}"),
    };
    let revision = order.acknowledged_revision.max(order.log_revision);
    if having != 0 && lacking != 0 {
        let (have, lack) = (names_of(having).join(", "), names_of(lacking).join(", "));
        let explanation = format!("{}; {when} it is present on {have} and absent on {lack}", bought());
        return Some(Violation { kind: &DIVERGENT_ORDER, revision, explanation, members: lacking });
    }
    let happened = order.acknowledgement == Acknowledgement::Sold || order.log_revision != 0;
    (happened && having == 0 && revision <= until).then(|| {
        let explanation = format!("{}; {when} it is absent on {}", bought(), names_of(lacking).join(", "));
        Violation { kind: &LOST_ORDER, revision, explanation, members: lacking }
    })
}
