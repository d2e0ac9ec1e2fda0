//! The stock of one ticket: its own record, its shards, what is held and what is sold.

use std::collections::VecDeque;

use super::conflict::{Conflict, Sale};
use crate::shop::model::records::Ticket;
use ticketcd_history::{Blob, Revision};

/// Sales that are kept per ticket, to find the two that conflict.
const RECENT_SALES: usize = 64;

/// The stock of a ticket.
#[derive(Debug, Default)]
pub(in crate::shop) struct TicketStock {
    pub(in crate::shop) kind: Blob,
    /// How many there were when the ticket was created.
    pub(in crate::shop) total: Option<i64>,
    /// The total in the current record.
    total_on_record: i64,
    /// Whether the last revision changed that.
    total_changed: bool,
    /// The ticket's own record.
    pub(in crate::shop) own: StockKey,
    /// Its shards, in the order in which they were first seen. One that was removed stays, empty.
    pub(in crate::shop) shards: Vec<StockKey>,
    /// In holds.
    held: i64,
    /// By the purchases in the data.
    sold: i64,
    /// Tickets sold before the record began: neither left when the ticket was first seen, nor in a purchase.
    sold_before: Option<i64>,
    /// The revision that changed it last, and its effect.
    pub(in crate::shop) revision: Revision,
    pub(in crate::shop) sold_in_revision: i64,
    pub(in crate::shop) held_in_revision: i64,
    /// Sales in the last revision that are not of this run.
    others_in_revision: i64,
    /// The last sales.
    pub(super) sales: VecDeque<Sale>,
    pub(super) conflicts: u64,
    pub(super) conflict: Option<Conflict>,
    pub(in crate::shop) balance: Balance,
}

/// By how much the tickets that are left, held and sold exceed the total; negative if they fall short. Computed once its event
/// is completely seeded.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::shop) struct Balance {
    pub(in crate::shop) before: i64,
    pub(in crate::shop) now: i64,
}

impl Balance {
    pub(super) fn weigh(&mut self, now: i64) {
        *self = Self { before: self.now, now };
    }

    /// Whether the last revision caused or changed an imbalance.
    pub(in crate::shop) fn is_newly_wrong(self) -> bool {
        self.now != 0 && self.now != self.before
    }
}

/// One key with part of a ticket's stock.
#[derive(Clone, Debug, Default)]
pub(in crate::shop) struct StockKey {
    /// The shard's number; none for the ticket's own record.
    pub(in crate::shop) number: Option<u32>,
    /// Its stock; none while it does not exist.
    pub(in crate::shop) current: Option<i64>,
    /// Its stock before the revision that wrote it last.
    pub(in crate::shop) before: Option<i64>,
    /// The revision that wrote it last.
    written: Revision,
}

impl StockKey {
    fn write(&mut self, revision: Revision, current: Option<i64>) {
        if self.written != revision {
            (self.written, self.before) = (revision, self.current);
        }
        self.current = current;
    }
}

impl TicketStock {
    pub(super) fn new(kind: &[u8]) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// Prepares for the changes of a revision.
    pub(super) fn begin(&mut self, revision: Revision) {
        if self.revision != revision {
            self.revision = revision;
            (self.sold_in_revision, self.held_in_revision, self.others_in_revision, self.total_changed) = (0, 0, 0, false);
        }
    }

    pub(super) fn write_record(&mut self, revision: Revision, after: Option<&Ticket>) {
        self.own.write(revision, after.map(|after| after.current_quantity));
        if let Some(after) = after {
            self.total_changed |= self.total.is_some() && self.total_on_record != after.total_quantity;
            self.total_on_record = after.total_quantity;
            self.total.get_or_insert(after.total_quantity);
        }
    }

    pub(super) fn write_shard(&mut self, revision: Revision, number: u32, after: Option<i64>) {
        let index = self.shards.iter().position(|shard| shard.number == Some(number)).unwrap_or_else(|| {
            self.shards.push(StockKey { number: Some(number), ..StockKey::default() });
            self.shards.len() - 1
        });
        self.shards[index].write(revision, after);
    }

    pub(super) fn count_sold(&mut self, quantity: i64, is_own: bool) {
        self.sold = self.sold.saturating_add(quantity);
        self.sold_in_revision = self.sold_in_revision.saturating_add(quantity);
        if !is_own {
            self.others_in_revision = self.others_in_revision.saturating_add(quantity);
        }
    }

    pub(super) fn count_held(&mut self, quantity: i64) {
        self.held = self.held.saturating_add(quantity);
        self.held_in_revision = self.held_in_revision.saturating_add(quantity);
    }

    /// Records what an order bought or held. All changes of one revision for one order, such as turning its hold into a
    /// purchase, are one sale.
    pub(super) fn note(&mut self, revision: Revision, order: Option<&str>, user: &Blob, (bought, held): (i64, i64)) {
        let mut in_revision = self.sales.iter_mut().rev().take_while(|sale| sale.revision == revision);
        if let Some(order) = order
            && let Some(sale) = in_revision.find(|sale| sale.order == order)
        {
            (sale.bought, sale.held) = (sale.bought.saturating_add(bought), sale.held.saturating_add(held));
            return;
        }
        let order = order.unwrap_or("without an id").to_owned();
        self.sales.push_back(Sale { revision, order, user: user.clone(), bought, held, shard: None, before: None, left: None });
    }

    /// After all changes of a revision.
    pub(super) fn close(&mut self) {
        self.account_for_what_was_before();
        self.find_conflict();
        while self.sales.len() > RECENT_SALES {
            self.sales.pop_front();
        }
    }

    /// A dataset may contain tickets that are already sold: tickets that are missing when the ticket is first seen were sold
    /// before, and a later purchase of another run that leaves the stock unchanged belongs to such a sale.
    fn account_for_what_was_before(&mut self) {
        let (Some(total), Some(accounted)) = (self.total, self.accounted_on_record()) else { return };
        let is_untouched = self.held_in_revision == 0 && !self.stock_changed();
        if self.sold_before.is_none() {
            self.sold_before = Some(total.saturating_sub(accounted));
        } else if is_untouched {
            self.sold = self.sold.saturating_sub(self.others_in_revision);
            self.sold_in_revision = self.sold_in_revision.saturating_sub(self.others_in_revision);
        }
    }

    /// After all changes of a revision, once its event is completely seeded.
    pub(super) fn weigh(&mut self) {
        if let (Some(total), Some(accounted)) = (self.total, self.accounted()) {
            self.balance.weigh(accounted.saturating_sub(total));
        }
    }

    /// The original total and the total in its record, if the last revision changed the latter.
    pub(in crate::shop) fn changed_total(&self) -> Option<(i64, i64)> {
        let (total, on_record) = (self.total?, self.total_on_record);
        (self.total_changed && total != on_record).then_some((total, on_record))
    }

    /// Every key with part of its stock.
    pub(super) fn keys(&self) -> impl Iterator<Item = &StockKey> {
        std::iter::once(&self.own).chain(&self.shards)
    }

    /// The keys of its stock that the last revision wrote.
    pub(super) fn written(&self) -> impl Iterator<Item = &StockKey> {
        self.keys().filter(|key| key.written == self.revision)
    }

    /// The stock in the ticket's own record.
    pub(in crate::shop) fn current(&self) -> Option<i64> {
        self.own.current
    }

    /// Whether part of its stock is in shards.
    pub(in crate::shop) fn is_sharded(&self) -> bool {
        self.shards.iter().any(|shard| shard.current.is_some())
    }

    /// What is left in its shards.
    pub(in crate::shop) fn in_shards(&self) -> i64 {
        self.shards.iter().filter_map(|shard| shard.current).fold(0, i64::saturating_add)
    }

    /// The available stock: in its own record and in all shards. None while it has no record.
    pub(in crate::shop) fn available(&self) -> Option<i64> {
        self.own.current.map(|current| current.saturating_add(self.in_shards()))
    }

    /// The keys of its stock that the last revision changed.
    pub(in crate::shop) fn changed_keys(&self) -> impl Iterator<Item = &StockKey> {
        self.written().filter(|key| key.before != key.current)
    }

    /// Whether the last revision changed or moved the available stock.
    pub(in crate::shop) fn stock_changed(&self) -> bool {
        self.changed_keys().next().is_some()
    }

    /// What is reserved and not bought yet.
    pub(in crate::shop) fn held(&self) -> i64 {
        self.held
    }

    /// How many are sold, by the purchases and before the first of them.
    pub(in crate::shop) fn sold(&self) -> i64 {
        self.sold.saturating_add(self.sold_before.unwrap_or(0))
    }

    /// How many were sold in the record.
    pub(in crate::shop) fn sold_on_record(&self) -> i64 {
        self.sold
    }

    /// The available stock before the last revision.
    pub(in crate::shop) fn available_before(&self) -> i64 {
        let of = |number: Option<i64>| number.unwrap_or(0);
        let before = |key: &StockKey| if key.written == self.revision { of(key.before) } else { of(key.current) };
        self.keys().map(before).fold(0, i64::saturating_add)
    }

    /// What is left, held and sold.
    pub(in crate::shop) fn accounted(&self) -> Option<i64> {
        Some(self.available()?.saturating_add(self.held).saturating_add(self.sold()))
    }

    fn accounted_on_record(&self) -> Option<i64> {
        Some(self.available()?.saturating_add(self.held).saturating_add(self.sold))
    }

    /// The sales of a revision.
    pub(in crate::shop) fn sales_of(&self, revision: Revision) -> impl Iterator<Item = &Sale> {
        self.sales.iter().filter(move |sale| sale.revision == revision)
    }
}
