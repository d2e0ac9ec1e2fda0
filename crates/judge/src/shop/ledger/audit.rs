//! What each member has at the end, purchase by purchase.

use super::order::Acknowledgement;
use super::value_cache::{Noted, Update};
use super::{DUPLICATE_ORDER, Ledger, Occurrence};
use crate::core::audits::{MemberSet, members_of, set_of, stage_name};
use crate::shop::model::ShopKey;
use crate::shop::model::records::parse_purchases;
use ticketcd_history::audit::{AuditPage, AuditStage};
use ticketcd_history::{MemberIndex, OrderKey};

impl Ledger {
    pub(super) fn page(&mut self, page: &AuditPage) {
        let keys = self.keys.clone();
        for kv in &page.kvs {
            let Some(ShopKey::Purchase { user, event }) = keys.parse(kv.key.as_bytes()) else { continue };
            let (stage, member) = (page.stage, set_of(page.member));
            match self.values_read.note(&kv.key, &kv.value, stage, member) {
                Noted::Same => continue,
                Noted::Other(update) => update.iter().for_each(|update| self.update_orders(update)),
            }
            let Ok(purchases) = parse_purchases(kv.value.as_bytes()) else {
                self.unreadable_values += 1;
                continue;
            };
            let reported = self.reported;
            for purchase in &purchases {
                let occurrence = Occurrence { user: user.as_bytes(), event: event.as_bytes(), purchase, audit: Some((stage, member)) };
                self.found(stage, member, &occurrence, page);
            }
            if self.reported == reported {
                let orders = purchases.iter().filter_map(|purchase| self.order_key(purchase)).collect();
                self.values_read.keep(&kv.key, &kv.value, orders, stage, member);
            }
        }
    }

    /// Adds the members of all cached values to their orders. Must be called before the orders are judged.
    pub(super) fn update_all_orders(&mut self) {
        self.values_read.drain().for_each(|update| self.update_orders(&update));
    }

    fn update_orders(&mut self, update: &Update) {
        for key in &update.orders {
            for (stage, members) in update.members {
                let Some(order) = self.orders.get_mut(key) else { continue };
                let again = order.replicas.add(stage, members);
                members_of(again).for_each(|member| self.found_in_second_key(*key, stage, member, update));
            }
        }
    }

    /// A member has an order under two keys.
    fn found_in_second_key(&mut self, key: OrderKey, stage: AuditStage, member: MemberIndex, update: &Update) {
        let keys = self.keys.clone();
        let Some(ShopKey::Purchase { user, event }) = keys.parse(update.key.as_bytes()) else { return };
        let purchases = parse_purchases(update.value.as_bytes()).unwrap_or_default();
        let Some(purchase) = purchases.iter().find(|purchase| self.order_key(purchase) == Some(key)) else { return };
        if !self.audits.repeated(stage, member) {
            let audit = Some((stage, set_of(member)));
            let occurrence = Occurrence { user: user.as_bytes(), event: event.as_bytes(), purchase, audit };
            let explanation = format!("{} has it more than once, {}", member.name(), stage_name(stage));
            self.report(&DUPLICATE_ORDER, key, &occurrence, None, explanation);
        }
    }

    fn found(&mut self, stage: AuditStage, member: MemberSet, occurrence: &Occurrence<'_>, page: &AuditPage) {
        let Some(key) = self.order_key(occurrence.purchase) else { return };
        let now = self.now;
        let order = self.orders.entry(key);
        if order.acknowledgement == Acknowledgement::Unplaced && order.at == 0 {
            order.at = now;
        }
        let twice = order.replicas.add(stage, member) != 0;
        let name = page.member.name();
        // Pages of an audit that was restarted repeat those of the first attempt.
        if twice && !self.audits.repeated(stage, page.member) {
            let explanation = format!("{name} has it more than once, {} (revision {})", stage_name(stage), page.revision);
            self.report(&DUPLICATE_ORDER, key, occurrence, Some(page.revision), explanation);
        }
        self.follow_cancel(page.revision, key, occurrence);
        self.compare_content(key, occurrence, Some(page.revision), &format!("at {name}, {},", stage_name(stage)));
    }
}
