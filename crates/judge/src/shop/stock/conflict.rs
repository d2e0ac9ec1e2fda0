//! Finds two orders that were computed from the same stock: the smallest set of orders that explains a lost update.

use super::ticket::TicketStock;
use ticketcd_history::{Blob, Revision};

/// The effect of an order on the stock of a ticket in one revision.
#[derive(Clone, Debug)]
pub(in crate::shop) struct Sale {
    pub(in crate::shop) revision: Revision,
    pub(in crate::shop) order: String,
    pub(in crate::shop) user: Blob,
    /// How many it bought; negative if it returned them.
    pub(in crate::shop) bought: i64,
    /// How many it reserved; negative if they were bought or released.
    pub(in crate::shop) held: i64,
    /// The shard that it took them from, if that is a single key; none for the ticket's own record.
    pub(super) shard: Option<u32>,
    /// The stock in that key before and after it.
    pub(super) before: Option<i64>,
    pub(super) left: Option<i64>,
}

/// A sale that wrote a stock other than what was left less what it took.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// The sale that it overwrote: before that one, the stock was what this one was computed from. None if the stock never
    /// was, or that is forgotten.
    erased: Option<Sale>,
    /// The sale that wrote the wrong stock.
    by: Sale,
    /// The actual stock before it.
    really: i64,
}

impl Sale {
    /// How many it took from the available stock.
    fn taken(&self) -> i64 {
        self.bought.saturating_add(self.held)
    }

    /// The stock that it was computed from, which may never have existed.
    fn computed_from(&self) -> i64 {
        self.left.unwrap_or(0).saturating_add(self.taken())
    }

    /// Its effect as a verb, and the number of tickets.
    pub(in crate::shop) fn effect(&self) -> (&'static str, i64) {
        let (verb, quantity) = match (self.bought, self.held) {
            (0, held) if held < 0 => ("released", held),
            (0, held) => ("reserved", held),
            (bought, _) if bought < 0 => ("gave back", bought),
            (bought, _) => ("bought", bought),
        };
        (verb, quantity.saturating_abs())
    }

    fn name_in_words(&self) -> String {
        format!("{} of user {} (revision {})", self.order, self.user.to_text(), self.revision)
    }
}

impl TicketStock {
    /// After a revision: checks whether its sale was computed from the actual stock. Only a sale from a single key shows which
    /// stock it had read; one that moves stock between keys does not.
    pub(super) fn find_conflict(&mut self) {
        let mut written = self.written();
        let (Some(key), None) = (written.next(), written.next()) else { return };
        let (number, before, Some(left)) = (key.number, key.before, key.current) else { return };
        drop(written);
        let revision = self.revision;
        let of_revision = |sale: &&mut Sale| sale.revision == revision && sale.taken() != 0;
        let mut sales = self.sales.iter_mut().rev().filter(of_revision);
        let Some(sale) = sales.next() else { return };
        (sale.shard, sale.before, sale.left) = (number, before, Some(left));
        let (by, single) = (sale.clone(), sales.next().is_none());
        let Some(really) = before else { return };
        // Orders in one transaction cannot conflict with each other.
        if single && by.computed_from() != really {
            self.conflicts += 1;
            let erased = self.erased_by(&by);
            self.conflict = Some(Conflict { erased, by, really });
        }
    }

    /// The earlier sale from the same stock that `by` was computed from.
    fn erased_by(&self, by: &Sale) -> Option<Sale> {
        let seen = Some(by.computed_from());
        let is_it = |sale: &&Sale| sale.revision < by.revision && sale.shard == by.shard && sale.before == seen;
        self.sales.iter().rev().find(is_it).cloned()
    }

    /// Whether a revision wrote a stock that does not match the stock before it.
    pub(in crate::shop) fn conflicts_in(&self, revision: Revision) -> bool {
        self.conflict.as_ref().is_some_and(|conflict| conflict.by.revision == revision)
    }

    /// Whether a revision overwrote a known order.
    pub(in crate::shop) fn erases_in(&self, revision: Revision) -> bool {
        self.conflict.as_ref().is_some_and(|conflict| conflict.by.revision == revision && conflict.erased.is_some())
    }

    /// Explains a conflict by the smallest set of orders: two that read the same stock.
    pub(in crate::shop) fn explain(&self, explanation: &mut Vec<String>, orders: &mut Vec<String>) {
        let Some(Conflict { erased, by, really }) = &self.conflict else { return };
        let (left, seen, right) = (by.left.unwrap_or(0), by.computed_from(), really.saturating_sub(by.taken()));
        let place = by.shard.map_or_else(String::new, |number| format!(" in shard {number}"));
        let later = by.name_in_words();
        let (verb, quantity) = by.effect();
        let were = if *really == 1 { "was" } else { "were" };
        let Some(erased) = erased else {
            explanation.push(format!(
                "Order {later} {verb} {quantity} and wrote {left} left{place}, although {really} {were} left before it: it should have written {right}.",
            ));
            orders.push(by.order.clone());
            self.count_conflicts(explanation);
            return;
        };
        let (first_verb, first_quantity) = erased.effect();
        let earlier = erased.name_in_words();
        let then = format!("By then {really} {were} left, so it should have written {right}: the later write erased the earlier one.");
        explanation.push(match erased.left.map(|_| erased.computed_from()) == Some(seen) {
            true => format!(
                "Order {earlier} and order {later} both saw {seen} left{place}: the first {first_verb} {first_quantity}, the second {verb} {quantity} and \
                 wrote {left} left. {then}"
            ),
            false => format!(
                "Order {later} {verb} {quantity} and wrote {left} left{place}, computed from the {seen} that were left before order {earlier}, which \
                 {first_verb} {first_quantity}. {then}"
            ),
        });
        orders.extend([erased.order.clone(), by.order.clone()]);
        self.count_conflicts(explanation);
    }

    fn count_conflicts(&self, explanation: &mut Vec<String>) {
        if self.conflicts > 1 {
            explanation.push(format!("So far, {} sales of this ticket wrote a wrong stock; this is the last of them.", self.conflicts));
        }
    }
}
