//! Two orders that were computed from the same stock: the smallest set of orders that shows how a lost update came about.

use super::ticket::TicketStock;
use crate::model::{Blob, Revision};

/// What an order did to the stock of a ticket in one revision.
#[derive(Clone, Debug)]
pub(in crate::check::shop) struct Sale {
    pub(in crate::check::shop) revision: Revision,
    pub(in crate::check::shop) order: String,
    pub(in crate::check::shop) user: Blob,
    /// How many it bought; negative when it gave them back.
    pub(in crate::check::shop) bought: i64,
    /// How many more it holds; negative when it holds fewer, because they are bought or released.
    pub(in crate::check::shop) held: i64,
    /// Where it took them from, when that is one key: the number of the shard, or none for the ticket's own record.
    pub(super) place: Option<u32>,
    /// What that key said was left after it.
    pub(super) left: Option<i64>,
}

/// A sale that was computed from a stock which another had changed since.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// The one whose effect was erased, when it is still known.
    erased: Option<Sale>,
    /// The one that erased it.
    by: Sale,
    /// What that one had seen: the stock it started from.
    seen: i64,
    /// What was really left then.
    really: i64,
}

impl Sale {
    /// How many it took out of what can be bought.
    fn taken(&self) -> i64 {
        self.bought.saturating_add(self.held)
    }

    /// What it did, and to how many tickets.
    pub(in crate::check::shop) fn deed(&self) -> (&'static str, i64) {
        let (verb, quantity) = match (self.bought, self.held) {
            (0, held) if held < 0 => ("released", held),
            (0, held) => ("reserved", held),
            (bought, _) if bought < 0 => ("gave back", bought),
            (bought, _) => ("bought", bought),
        };
        (verb, quantity.saturating_abs())
    }

    fn told(&self) -> String {
        format!("{} of user {} (revision {})", self.order, self.user.to_text(), self.revision)
    }
}

impl TicketStock {
    /// After a revision: what its sale left, and whether it was computed from what was there. Only a sale out of one key
    /// tells what it had seen there; one that moves stock between keys does not.
    pub(super) fn find_conflict(&mut self) {
        let mut written = self.written();
        let (Some(place), None) = (written.next(), written.next()) else { return };
        let (number, before, first, Some(left)) = (place.number, place.before, place.first, place.current) else { return };
        drop(written);
        let revision = self.revision;
        let of_revision = |sale: &&mut Sale| sale.revision == revision && sale.taken() != 0;
        let mut sales = self.sales.iter_mut().rev().filter(of_revision);
        let Some(sale) = sales.next() else { return };
        (sale.place, sale.left) = (number, Some(left));
        let (by, single) = (sale.clone(), sales.next().is_none());
        let (seen, Some(really)) = (left.saturating_add(by.taken()), before) else { return };
        // Orders sold together by one transaction cannot conflict with each other.
        if single && seen != really {
            self.conflicts += 1;
            let erased = self.erased_by(&by, seen, first);
            self.conflict = Some(Conflict { erased, by, seen, really });
        }
    }

    /// The sale that came right after the stock was what `by` had seen.
    fn erased_by(&self, by: &Sale, seen: i64, first: Option<i64>) -> Option<Sale> {
        let is_earlier = |sale: &&Sale| sale.revision < by.revision && sale.left.is_some() && sale.place == by.place;
        let earlier: Vec<&Sale> = self.sales.iter().filter(is_earlier).collect();
        let from = earlier.iter().rposition(|sale| sale.left == Some(seen)).map(|position| position + 1);
        let from = from.or_else(|| (first == Some(seen)).then_some(0))?;
        earlier.get(from).map(|sale| (*sale).clone())
    }

    /// The smallest set of orders that shows how it came about: two that started from the same stock.
    pub(in crate::check::shop) fn explain(&self, story: &mut Vec<String>, orders: &mut Vec<String>) {
        let Some(Conflict { erased, by, seen, really }) = &self.conflict else { return };
        let left = by.left.unwrap_or(0);
        let place = by.place.map_or_else(String::new, |number| format!(" in shard {number}"));
        let (later, right) = (by.told(), really.saturating_sub(by.taken()));
        let (verb, quantity) = by.deed();
        let were = if *really == 1 { "was" } else { "were" };
        match erased {
            Some(erased) => {
                let (first_verb, first_quantity) = erased.deed();
                story.push(format!(
                    "Order {} and order {later} both saw {seen} left{place}: the first {first_verb} {first_quantity}, the second {verb} {quantity} and \
                     wrote {left} left. By then {really} {were} left, so it should have written {right}: the later write erased the earlier one.",
                    erased.told(),
                ));
                orders.push(erased.order.clone());
            }
            None => story.push(format!(
                "The stock{place} was overwritten: order {later} {verb} {quantity} and wrote {left} left, so it had seen {seen}. By then {really} {were} left, so it should have written {right}.",
            )),
        }
        orders.push(by.order.clone());
        if self.conflicts > 1 {
            story.push(format!("This happened {} times to this ticket so far; the last is told here.", self.conflicts));
        }
    }
}
