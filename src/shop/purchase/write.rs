//! What a purchase writes: the decision and the new values, computed from the stock as seen. Pure, and exact.

use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::request::{Guard, GuardTarget, Put, Relation, TxnOp};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::{Purchase, PurchasedTicket};

use super::rejection::{Refusal, rejected};
use super::state::{Seen, Stock};
use crate::shop::{Order, Shop};

/// What to do about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write this.
    Buy(Box<Write>),
    /// Refuse the order. True for the stock that was decided on; whether it is true *now* is for the caller to know.
    Refuse(OrderOutcome),
}

/// A computed purchase, before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The keys to write, and the revision each was computed from (0 for a key that did not exist).
    pub puts: Vec<(Put, Revision)>,
    /// The price of it all.
    pub paid: Cents,
    /// The stock after it. [`Write::into_stock_at`] sets the revisions of the written keys.
    after: Stock,
    /// The types that were bought.
    kinds: Vec<String>,
}

/// Decides on an order, given the stock.
pub fn decide(shop: &Shop, stock: &Stock, order: &Order) -> Decision {
    decide_at(shop, stock, stock, order)
}

/// Decides on an order, given the stock, at the prices of another moment.
pub(super) fn decide_at(shop: &Shop, prices: &Stock, stock: &Stock, order: &Order) -> Decision {
    work_out(shop, prices, stock, order).map_or_else(Decision::Refuse, |write| Decision::Buy(Box::new(write)))
}

fn work_out(shop: &Shop, prices: &Stock, stock: &Stock, order: &Order) -> Result<Write, OrderOutcome> {
    let mut after = stock.clone();
    let Taken { mut puts, lines, paid } = take(shop, prices, &mut after, order)?;
    puts.push(enter(shop, &mut after, order, lines)?);
    Ok(Write { puts, paid, after, kinds: order.items.iter().map(|(kind, _)| kind.clone()).collect() })
}

/// What an order takes out of the stock.
pub(super) struct Taken {
    /// The tickets and the event to write, and the revision each was computed from.
    pub(super) puts: Vec<(Put, Revision)>,
    /// What is taken, at which price.
    pub(super) lines: Vec<PurchasedTicket>,
    /// The price of it all.
    pub(super) paid: Cents,
}

/// Takes what an order asks for out of `stock`, at the prices of `prices`.
///
/// # Errors
/// The outcome of the order: there are too few tickets, or the order is invalid.
pub(super) fn take(shop: &Shop, prices: &Stock, stock: &mut Stock, order: &Order) -> Result<Taken, OrderOutcome> {
    if let Some(fault) = order.fault() {
        return Err(rejected(Refusal::InvalidOrder(fault)));
    }
    let event = stock.event.as_mut().ok_or_else(|| rejected(Refusal::NoEvent))?;
    let mut puts = Vec::with_capacity(order.items.len() + 2);
    let mut lines = Vec::with_capacity(order.items.len());
    let mut paid: i128 = 0;
    for (kind, quantity) in &order.items {
        let ticket = stock.tickets.iter_mut().find(|(name, _)| name == kind).map(|(_, ticket)| ticket);
        let ticket = ticket.ok_or_else(|| rejected(Refusal::NoTicket))?;
        if ticket.value.current_quantity < *quantity {
            return Err(OrderOutcome::SoldOut);
        }
        ticket.value.current_quantity -= quantity;
        event.value.current_quantity = event.value.current_quantity.checked_sub(*quantity).ok_or_else(|| rejected(Refusal::Count))?;
        let price = prices.ticket(kind).map(|ticket| ticket.value.price).ok_or_else(|| rejected(Refusal::NoTicket))?;
        paid = paid.saturating_add(price.times(*quantity));
        lines.push(PurchasedTicket { kind: kind.clone(), quantity: *quantity, price: Some(price) });
        puts.push((put(shop.keys.ticket(&order.event, kind), json(&ticket.value)), ticket.mod_revision));
    }
    puts.push((put(shop.keys.event(&order.event), json(&event.value)), event.mod_revision));
    let paid = i64::try_from(paid).map(Cents).map_err(|_| rejected(Refusal::Price))?;
    Ok(Taken { puts, lines, paid })
}

/// Enters a purchase of these lines among those of the user.
///
/// # Errors
/// The outcome of the order when the purchase key holds no array.
pub(super) fn enter(shop: &Shop, stock: &mut Stock, order: &Order, lines: Vec<PurchasedTicket>) -> Result<(Put, Revision), OrderOutcome> {
    let element = Purchase { id: Some(shop.order_id(order.key)), date: shop.date.to_string(), tickets: lines, cancels: None };
    let purchases = stock.purchases_of(&order.user);
    let value = append(purchases.value.as_bytes(), json(&element).as_bytes()).ok_or_else(|| rejected(Refusal::NoArray))?;
    stock.user = Some(order.user.clone());
    stock.purchases.value = value.clone();
    Ok((put(shop.keys.purchase(&order.user, &order.event), value), purchases.mod_revision))
}

impl Write {
    /// A guard for every key that is written: its last write is still the one its new value was computed from. A
    /// quantity would not be enough: it may have changed and changed back.
    pub fn guards(&self) -> Vec<Guard> {
        self.puts.iter().map(|(put, revision)| unchanged(put.key.clone(), *revision)).collect()
    }

    /// The operations that write it all.
    pub fn operations(&self) -> Vec<TxnOp> {
        self.puts.iter().map(|(put, _)| TxnOp::Put(put.clone())).collect()
    }

    /// The stock after the purchase was written at `revision`.
    pub fn into_stock_at(mut self, revision: Revision) -> Stock {
        taken_at(&mut self.after, revision, |kind| self.kinds.iter().any(|bought| bought == kind));
        self.after.purchases = Seen { value: self.after.purchases.value, mod_revision: revision };
        self.after
    }
}

/// Notes that the event and the tickets of some types were written at `revision`.
pub(super) fn taken_at(stock: &mut Stock, revision: Revision, of: impl Fn(&str) -> bool) {
    if let Some(event) = &mut stock.event {
        event.mod_revision = revision;
    }
    for (_, ticket) in stock.tickets.iter_mut().filter(|(kind, _)| of(kind)) {
        ticket.mod_revision = revision;
    }
}

/// A write without a lease.
pub(in crate::shop) fn put(key: Blob, value: Blob) -> Put {
    Put { key, value, ..Put::default() }
}

/// The key's last write is still the one of this revision; with 0, the key does not exist.
pub(in crate::shop) fn unchanged(key: Blob, revision: Revision) -> Guard {
    Guard { key, range_end: Blob::default(), target: GuardTarget::ModRevision(revision), relation: Relation::Equal }
}

/// A record of the shop, or a message of such fields, as its JSON.
pub(in crate::shop) fn json<T: serde::Serialize>(record: &T) -> Blob {
    match serde_json::to_vec(record) {
        Ok(json) => json.into(),
        // Fields with names that hold text, whole numbers and exact amounts always have one.
        Err(error) => unreachable!("a record of the shop has a form in JSON: {error}"),
    }
}

/// A JSON array with more elements: `elements` is one, or several with commas between them. What is there stays as it is,
/// byte for byte; a single object, which the original sometimes wrote, becomes the first element. `None` when it is neither.
pub(in crate::shop) fn append(array: &[u8], elements: &[u8]) -> Option<Blob> {
    let inner = inner(array)?;
    let mut longer = Vec::with_capacity(inner.len() + elements.len() + 3);
    longer.push(b'[');
    longer.extend_from_slice(inner);
    if !inner.is_empty() {
        longer.push(b',');
    }
    longer.extend_from_slice(elements);
    longer.push(b']');
    Some(longer.into())
}

/// What is between the brackets of a JSON array; a single object is taken for an array of one. `None` when it is neither.
pub(super) fn inner(array: &[u8]) -> Option<&[u8]> {
    let array = array.trim_ascii();
    match (array.first(), array.last()) {
        (None, _) => Some(&[]),
        (Some(b'['), Some(b']')) => Some(array.get(1..array.len() - 1)?.trim_ascii()),
        (Some(b'{'), Some(b'}')) => Some(array),
        _ => None,
    }
}
