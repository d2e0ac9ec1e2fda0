//! What each member has at the end, element by element.

use super::order::Told;
use super::reread::{Noted, Untold};
use super::{DUPLICATE_ORDER, Ledger, Sighting};
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
            match self.read.note(&kv.key, &kv.value, stage, member) {
                Noted::Again => continue,
                Noted::Other(untold) => untold.iter().for_each(|untold| self.tell_orders(untold)),
            }
            let Ok(purchases) = parse_purchases(kv.value.as_bytes()) else {
                self.unreadable_values += 1;
                continue;
            };
            let reported = self.reported;
            for purchase in &purchases {
                let sighting = Sighting { user: user.as_bytes(), event: event.as_bytes(), purchase, audit: Some((stage, member)) };
                self.found(stage, member, &sighting, page);
            }
            if self.reported == reported {
                let orders = purchases.iter().filter_map(|purchase| self.order_key(purchase)).collect();
                self.read.keep(&kv.key, &kv.value, orders, stage, member);
            }
        }
    }

    /// The orders of values that members had alike are told so. To be done before they are judged.
    pub(super) fn tell_all_orders(&mut self) {
        self.read.drain().for_each(|untold| self.tell_orders(&untold));
    }

    fn tell_orders(&mut self, untold: &Untold) {
        for key in &untold.orders {
            for (stage, members) in untold.members {
                let Some(order) = self.orders.get_mut(key) else { continue };
                let again = order.holders.add(stage, members);
                members_of(again).for_each(|member| self.found_elsewhere(*key, stage, member, untold));
            }
        }
    }

    /// A member has an order in this value and in that of another key.
    fn found_elsewhere(&mut self, key: OrderKey, stage: AuditStage, member: MemberIndex, untold: &Untold) {
        let keys = self.keys.clone();
        let Some(ShopKey::Purchase { user, event }) = keys.parse(untold.key.as_bytes()) else { return };
        let purchases = parse_purchases(untold.value.as_bytes()).unwrap_or_default();
        let Some(purchase) = purchases.iter().find(|purchase| self.order_key(purchase) == Some(key)) else { return };
        if !self.audits.repeated(stage, member) {
            let audit = Some((stage, set_of(member)));
            let sighting = Sighting { user: user.as_bytes(), event: event.as_bytes(), purchase, audit };
            let story = format!("{} has it more than once, {}", member.name(), stage_name(stage));
            self.report(&DUPLICATE_ORDER, key, &sighting, None, story);
        }
    }

    fn found(&mut self, stage: AuditStage, member: MemberSet, sighting: &Sighting<'_>, page: &AuditPage) {
        let Some(key) = self.order_key(sighting.purchase) else { return };
        let now = self.now;
        let order = self.orders.entry(key);
        if order.told == Told::Unplaced && order.at == 0 {
            order.at = now;
        }
        let twice = order.holders.add(stage, member) != 0;
        let name = page.member.name();
        // Pages of an audit that was begun anew repeat what the first attempt read.
        if twice && !self.audits.repeated(stage, page.member) {
            let story = format!("{name} has it more than once, {} (revision {})", stage_name(stage), page.revision);
            self.report(&DUPLICATE_ORDER, key, sighting, Some(page.revision), story);
        }
        self.follow_cancel(page.revision, key, sighting);
        self.compare_content(key, sighting, Some(page.revision), &format!("at {name}, {},", stage_name(stage)));
    }
}
