//! What the steps of a reservation write: computed from the stock as seen. Pure, and exact.

use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::request::{Delete, Put, Range, Txn, TxnAnswer, TxnOp};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::HoldRecord;

use super::release::HoldEntry;
use crate::shop::purchase::state::{ReadError, Stock, found, raw, reads};
use crate::shop::purchase::write::{enter, json, put, take, taken_at, unchanged};
use crate::shop::{Order, Shop};

/// Tickets for one order, out of the stock.
#[derive(Clone, Debug)]
pub(in crate::shop::purchase) struct Reservation {
    /// The tickets and the event to write, and the revision each was computed from.
    puts: Vec<(Put, Revision)>,
    record: HoldRecord,
    /// The stock after it.
    after: Stock,
    /// When both keys were written; 0 before.
    revision: Revision,
    /// The price of it all.
    pub(in crate::shop::purchase) paid: Cents,
}

/// Why a confirmation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shop::purchase) enum ReservationState {
    /// The reservation is as it was: the purchases of the user had changed.
    Alive,
    /// Its lease has expired, or its tickets are already returned.
    Expired,
}

impl Reservation {
    /// Reserves the items of an order from the stock.
    ///
    /// # Errors
    /// The outcome of the order.
    pub(in crate::shop::purchase) fn of(shop: &Shop, stock: &Stock, order: &Order) -> Result<Self, OrderOutcome> {
        let mut after = stock.clone();
        let taken = take(shop, stock, &mut after, order)?;
        let record = HoldRecord { user: order.user.clone(), tickets: taken.lines };
        Ok(Self { puts: taken.puts, record, after, revision: 0, paid: taken.paid })
    }

    /// Takes the tickets out of the stock and records for whom. The failure branch reads what the next attempt needs.
    pub(in crate::shop::purchase) fn reserve(&self, shop: &Shop, order: &Order, lease: i64) -> Txn {
        let id = shop.order_id(order.key);
        let (record, alive) = (shop.keys.hold(&order.event, &id), shop.keys.hold_alive(&order.event, &id));
        let mut guards: Vec<_> = self.puts.iter().map(|(put, revision)| unchanged(put.key.clone(), *revision)).collect();
        guards.push(unchanged(record.clone(), 0));
        let mut success: Vec<_> = self.puts.iter().map(|(put, _)| TxnOp::Put(put.clone())).collect();
        success.push(TxnOp::Put(put(record, json(&self.record))));
        success.push(TxnOp::Put(Put { key: alive, value: Blob::default(), lease, ..Put::default() }));
        Txn { guards, success, failure: reads(&shop.keys, &order.event, &order.user) }
    }

    /// Sets the revision at which it was reserved.
    pub(in crate::shop::purchase) fn reserved_at(&mut self, revision: Revision, order: &Order) {
        taken_at(&mut self.after, revision, |kind| order.items.iter().any(|(taken, _)| taken == kind));
        self.revision = revision;
    }

    /// Replaces both keys by an entry in the purchases, if both are as they were reserved. Returns the stock after it, too.
    ///
    /// # Errors
    /// The outcome of the order when the purchase key holds no array.
    pub(in crate::shop::purchase) fn confirm(&self, shop: &Shop, order: &Order) -> Result<(Txn, Stock), OrderOutcome> {
        let mut after = self.after.clone();
        let (purchases, seen) = enter(shop, &mut after, order, self.record.tickets.clone())?;
        let id = shop.order_id(order.key);
        let (record, alive) = (shop.keys.hold(&order.event, &id), shop.keys.hold_alive(&order.event, &id));
        let guards =
            vec![unchanged(record.clone(), self.revision), unchanged(alive.clone(), self.revision), unchanged(purchases.key.clone(), seen)];
        let failure = [&record, &alive, &purchases.key].map(|key| TxnOp::Range(Range { key: key.clone(), ..Range::default() }));
        let delete = |key| TxnOp::Delete(Delete { key, range_end: Blob::default(), ..Delete::default() });
        let success = vec![delete(record), delete(alive), TxnOp::Put(purchases)];
        Ok((Txn { guards, success, failure: failure.into() }, after))
    }

    /// Why the confirmation failed, by the answers of the failure branch. Remembers the purchases that were read there.
    ///
    /// # Errors
    /// When the answers do not fit the request.
    pub(in crate::shop::purchase) fn state(&mut self, answers: &[TxnAnswer]) -> Result<ReservationState, ReadError> {
        let [record, alive, purchases] = answers else { return Err(ReadError::Shape) };
        let is_unchanged = |answer| Ok::<_, ReadError>(found(answer)?.first().is_some_and(|kv| kv.mod_revision == self.revision));
        let state = if is_unchanged(record)? && is_unchanged(alive)? { ReservationState::Alive } else { ReservationState::Expired };
        self.after.purchases = raw(found(purchases)?);
        self.after.user = Some(self.record.user.clone());
        Ok(state)
    }

    /// The reservation with its record.
    pub(in crate::shop::purchase) fn into_entry(self, shop: &Shop, order: &Order) -> HoldEntry {
        HoldEntry { order: shop.order_id(order.key), record: self.record, revision: self.revision }
    }
}
