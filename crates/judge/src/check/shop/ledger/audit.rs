//! What each member has at the end, element by element.

use super::order::Told;
use super::{Ledger, ReadValue, Sighting};
use crate::check::audits::{MemberSet, set_of, stage_name};
use crate::history::audit::{AuditPage, AuditStage};
use crate::history::request::KeyValue;
use crate::model::ShopKey;
use crate::model::records::parse_purchases;

impl Ledger {
    pub(super) fn page(&mut self, page: &AuditPage) {
        let keys = self.keys.clone();
        for kv in &page.kvs {
            let Some(ShopKey::Purchase { user, event }) = keys.parse(kv.key.as_bytes()) else { continue };
            if self.found_again(kv, page) {
                continue;
            }
            let Ok(purchases) = parse_purchases(kv.value.as_bytes()) else {
                self.unreadable_values += 1;
                continue;
            };
            let reported = self.reported;
            for purchase in &purchases {
                let audit = Some((page.stage, set_of(page.member)));
                let sighting = Sighting { user: user.as_bytes(), event: event.as_bytes(), purchase, audit };
                self.found(page.stage, set_of(page.member), &sighting, page);
            }
            if self.reported == reported {
                let orders = purchases.iter().filter_map(|purchase| self.order_key(purchase)).collect();
                self.read.insert(kv.key.clone(), ReadValue { value: kv.value.clone(), orders });
            }
        }
    }

    /// Whether the value is the one that was read last of its key, and its orders are noted as found at this member too.
    fn found_again(&mut self, kv: &KeyValue, page: &AuditPage) -> bool {
        let (stage, member) = (page.stage, set_of(page.member));
        let Some(read) = self.read.get(&kv.key).filter(|read| read.value == kv.value) else { return false };
        // What a member has more than once is told in full.
        if read.orders.iter().any(|key| self.orders.get(key).is_none_or(|order| order.held_by(stage) & member != 0)) {
            return false;
        }
        for key in &read.orders {
            if let Some(order) = self.orders.get_mut(key) {
                *order.holders(stage) |= member;
            }
        }
        true
    }

    fn found(&mut self, stage: AuditStage, member: MemberSet, sighting: &Sighting<'_>, page: &AuditPage) {
        let Some(key) = self.order_key(sighting.purchase) else { return };
        let now = self.now;
        let order = self.orders.entry(key);
        if order.told == Told::Unplaced && order.at == 0 {
            order.at = now;
        }
        let holders = order.holders(stage);
        let twice = *holders & member != 0;
        *holders |= member;
        let name = page.member.name();
        // Pages of an audit that was begun anew repeat what the first attempt read.
        if twice && !self.audits.repeated(stage, page.member) {
            let story = format!("{name} has it more than once, {} (revision {})", stage_name(stage), page.revision);
            self.report("duplicate_order", key, sighting, Some(page.revision), story);
        }
        self.follow_cancel(page.revision, key, sighting);
        self.compare_content(key, sighting, Some(page.revision), &format!("at {name}, {},", stage_name(stage)));
    }
}
