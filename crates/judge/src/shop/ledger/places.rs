//! Where it shows that something is wrong with an order: in the log, and on which members in which audit.

use rustc_hash::FxHashMap;

use super::holders::Holders;
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::audits::{MemberSet, names_of, stage_name};
use crate::core::verdict::Anomaly;
use ticketcd_history::OrderKey;
use ticketcd_history::audit::AuditStage;

/// Of each order and each kind of anomaly, where it shows. An order that nothing is wrong with takes no room here.
#[derive(Debug, Default)]
pub(super) struct Places(FxHashMap<(OrderKey, &'static AnomalyKind), Place>);

#[derive(Debug, Default)]
struct Place {
    in_log: bool,
    holders: Holders,
}

impl Places {
    /// Notes that it shows in the log, or in an audit at a member. Gives whether it had not shown before.
    pub(super) fn is_first(&mut self, key: OrderKey, kind: &'static AnomalyKind, audit: Option<(AuditStage, MemberSet)>) -> bool {
        let before = self.0.len();
        let place = self.0.entry((key, kind)).or_default();
        match audit {
            None => place.in_log = true,
            Some((stage, member)) => drop(place.holders.add(stage, member)),
        }
        self.0.len() > before
    }

    /// Whether it has shown.
    pub(super) fn has(&self, key: OrderKey, kind: &'static AnomalyKind) -> bool {
        self.0.contains_key(&(key, kind))
    }

    /// Names the members on which it shows, when it showed in more than one place.
    pub(super) fn tell(&self, key: OrderKey, kind: &'static AnomalyKind, anomaly: &mut Anomaly) {
        let Some(Place { in_log, holders }) = self.0.get(&(key, kind)) else { return };
        anomaly.members = names_of(holders.anywhere());
        let audits = Holders::STAGES.map(|stage| (stage, holders.of(stage)));
        let places = u32::from(*in_log) + audits.iter().map(|(_, members)| members.count_ones()).sum::<u32>();
        if places < 2 {
            return;
        }
        let audits = audits.into_iter().filter(|(_, members)| *members != 0);
        let told = audits.map(|(stage, members)| format!("on {} {}", names_of(members).join(", "), stage_name(stage)));
        anomaly.story.push(format!("It shows {}.", told.collect::<Vec<_>>().join(", and ")));
    }
}
