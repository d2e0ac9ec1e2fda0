//! Where a violation of an order was found: in the log, and on which members in which audit.

use rustc_hash::FxHashMap;

use super::replica_set::ReplicaSet;
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::audits::{MemberSet, names_of, stage_name};
use crate::core::verdict::Anomaly;
use ticketcd_history::OrderKey;
use ticketcd_history::audit::AuditStage;

/// Where each kind of anomaly of each order was found. Correct orders take no memory here.
#[derive(Debug, Default)]
pub(super) struct Locations(FxHashMap<(OrderKey, &'static AnomalyKind), Location>);

#[derive(Debug, Default)]
struct Location {
    in_log: bool,
    replicas: ReplicaSet,
}

impl Locations {
    /// Notes that it was found in the log, or in an audit at a member. Returns whether it is the first time.
    pub(super) fn is_first(&mut self, key: OrderKey, kind: &'static AnomalyKind, audit: Option<(AuditStage, MemberSet)>) -> bool {
        let before = self.0.len();
        let location = self.0.entry((key, kind)).or_default();
        match audit {
            None => location.in_log = true,
            Some((stage, member)) => drop(location.replicas.add(stage, member)),
        }
        self.0.len() > before
    }

    /// Whether it was found.
    pub(super) fn has(&self, key: OrderKey, kind: &'static AnomalyKind) -> bool {
        self.0.contains_key(&(key, kind))
    }

    /// Adds the members on which it was found, if there is more than one place.
    pub(super) fn describe(&self, key: OrderKey, kind: &'static AnomalyKind, anomaly: &mut Anomaly) {
        let Some(Location { in_log, replicas }) = self.0.get(&(key, kind)) else { return };
        anomaly.members = names_of(replicas.in_any_audit());
        let audits = ReplicaSet::STAGES.map(|stage| (stage, replicas.of(stage)));
        let count = u32::from(*in_log) + audits.iter().map(|(_, members)| members.count_ones()).sum::<u32>();
        if count < 2 {
            return;
        }
        let audits = audits.into_iter().filter(|(_, members)| *members != 0);
        let shown = audits.map(|(stage, members)| format!("on {} {}", names_of(members).join(", "), stage_name(stage)));
        anomaly.explanation.push(format!("It was found {}.", shown.collect::<Vec<_>>().join(", and ")));
    }
}
