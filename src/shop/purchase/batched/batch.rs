//! A batch: orders for one event, and the one transaction that carries out those that can be. Pure, and exact.

use rustc_hash::{FxHashMap, FxHashSet};
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::request::{Guard, Put, Txn, TxnOp};
use ticketcd_judge::history::{Blob, OrderId, Revision};
use ticketcd_judge::model::records::{EventRecord, Purchase, PurchasedTicket, Ticket};
use ticketcd_judge::model::{Cents, Keyspace};

use super::super::rejection::{Refusal, rejected};
use super::super::state::Seen;
use super::super::write::{append, inner, json, put, unchanged};
use super::known::Known;
use crate::shop::Order;

/// The event of a batcher, and how its orders are entered.
#[derive(Clone, Debug)]
pub(super) struct BatchContext {
    pub(super) keys: Keyspace,
    pub(super) run_tag: Box<str>,
    pub(super) date: Box<str>,
    pub(super) event: String,
}

/// How many of `orders`, from the first, fit into a transaction of `operations` guards, writes or reads. At least one: etcd
/// rejects a single order that is too large.
pub(super) fn fitting<'order>(orders: impl Iterator<Item = &'order Order>, operations: usize) -> usize {
    let (mut users, mut kinds) = (FxHashSet::default(), FxHashSet::default());
    let mut count = 0;
    for order in orders {
        users.insert(order.user.as_str());
        kinds.extend(order.items.iter().map(|(kind, _)| kind.as_str()));
        // A key for each user and each ticket, and the event. A failed batch reads as many or fewer.
        if users.len() + kinds.len().max(1) >= operations {
            break;
        }
        count += 1;
    }
    count.max(1)
}

/// A computed batch, before it is sent.
pub(super) struct Batch<'order> {
    /// The keys to write, and the revision each was computed from (0 for a key that did not exist).
    puts: Vec<(Put, Revision)>,
    /// The tickets that refusals rest on and that are not written: their revisions are guarded too, so that a batch that
    /// succeeds proves its refusals.
    refusal_guards: Vec<(Blob, Revision)>,
    /// The result of each order, in their sequence: the amount paid, or why it is refused.
    pub(super) results: Vec<Result<Cents, OrderOutcome>>,
    /// The users of all the orders, each once.
    pub(super) users: Vec<&'order str>,
    event: Option<EventRecord>,
    tickets: Vec<Option<Ticket>>,
    arrays: Vec<(&'order str, Blob)>,
}

/// Each user once, in the sequence of the orders.
pub(super) fn users_of<'order>(orders: impl Iterator<Item = &'order Order>) -> Vec<&'order str> {
    let mut met = FxHashSet::default();
    orders.map(|order| order.user.as_str()).filter(|user| met.insert(*user)).collect()
}

impl<'order> Batch<'order> {
    /// Decides on each order in turn, given what is known and what the orders before it take. One that cannot be served is
    /// refused alone.
    pub(super) fn new(context: &BatchContext, known: &Known, orders: &[&'order Order]) -> Self {
        let mut draft = Draft {
            context,
            known,
            left: known.tickets.iter().map(|(_, ticket)| ticket.value.current_quantity).collect(),
            event_left: known.event.as_ref().map(|event| event.value.current_quantity),
            elements: FxHashMap::default(),
            refused_types: FxHashSet::default(),
        };
        let results = orders.iter().map(|order| draft.take(order)).collect();
        draft.finish(results, users_of(orders.iter().copied()))
    }

    /// Whether it would write anything.
    pub(super) fn sells(&self) -> bool {
        !self.puts.is_empty()
    }

    /// The guarded transaction. It reads nothing when it fails: as many reads as writes would go through consensus with every
    /// batch, and hardly any batch fails.
    pub(super) fn transaction(&self) -> Txn {
        let written = self.puts.iter().map(|(put, revision)| (put.key.clone(), *revision));
        let guards: Vec<Guard> =
            written.chain(self.refusal_guards.iter().cloned()).map(|(key, revision)| unchanged(key, revision)).collect();
        let success = self.puts.iter().map(|(put, _)| TxnOp::Put(put.clone())).collect();
        Txn { guards, success, failure: Vec::new() }
    }

    /// Updates `known` with what was written at `revision`.
    pub(super) fn apply(self, known: &mut Known, revision: Revision) {
        if let Some(value) = self.event {
            known.event = Some(Seen { value, mod_revision: revision });
        }
        for ((_, ticket), written) in known.tickets.iter_mut().zip(self.tickets) {
            if let Some(value) = written {
                *ticket = Seen { value, mod_revision: revision };
            }
        }
        for (user, value) in self.arrays {
            known.enter(user, Seen { value, mod_revision: revision });
        }
    }
}

/// A batch under construction.
struct Draft<'known, 'order> {
    context: &'known BatchContext,
    known: &'known Known,
    /// What is left of each ticket, in the sequence of the known ones.
    left: Vec<i64>,
    event_left: Option<i64>,
    /// By user, the new elements of the purchases, with commas between them.
    elements: FxHashMap<&'order str, Vec<u8>>,
    /// Types whose stock is why an order was refused.
    refused_types: FxHashSet<&'order str>,
}

impl<'order> Draft<'_, 'order> {
    fn take(&mut self, order: &'order Order) -> Result<Cents, OrderOutcome> {
        if let Some(fault) = order.fault() {
            return Err(rejected(Refusal::InvalidOrder(fault)));
        }
        let event_left = self.event_left.ok_or_else(|| rejected(Refusal::NoEvent))?;
        if inner(self.known.array(&order.user).value.as_bytes()).is_none() {
            return Err(rejected(Refusal::NoArray));
        }
        let (mut taken, mut lines) = (Vec::with_capacity(order.items.len()), Vec::with_capacity(order.items.len()));
        let (mut paid, mut count): (i128, i64) = (0, 0);
        for (kind, quantity) in &order.items {
            let position = self.known.tickets.iter().position(|(name, _)| name == kind);
            let Some((position, (_, ticket))) = position.and_then(|position| Some((position, self.known.tickets.get(position)?))) else {
                self.refused_types.insert(kind);
                return Err(rejected(Refusal::NoTicket));
            };
            if self.left.get(position).is_none_or(|left| left < quantity) {
                self.refused_types.insert(kind);
                return Err(OrderOutcome::SoldOut);
            }
            paid = paid.saturating_add(ticket.value.price.times(*quantity));
            count = count.saturating_add(*quantity);
            taken.push((position, *quantity));
            lines.push(PurchasedTicket { kind: kind.clone(), quantity: *quantity, price: Some(ticket.value.price) });
        }
        let paid = i64::try_from(paid).map(Cents).map_err(|_| rejected(Refusal::Price))?;
        let event_left = event_left.checked_sub(count).ok_or_else(|| rejected(Refusal::Count))?;
        let id = OrderId { run: self.context.run_tag.clone(), key: order.key }.to_string();
        let element = json(&Purchase { id: Some(id), date: self.context.date.to_string(), tickets: lines, cancels: None });
        // Nothing below can fail, so an order is never taken in part.
        for (position, quantity) in taken {
            if let Some(left) = self.left.get_mut(position) {
                *left -= quantity;
            }
        }
        self.event_left = Some(event_left);
        let elements = self.elements.entry(&order.user).or_default();
        if !elements.is_empty() {
            elements.push(b',');
        }
        elements.extend_from_slice(element.as_bytes());
        Ok(paid)
    }

    fn finish(self, results: Vec<Result<Cents, OrderOutcome>>, users: Vec<&'order str>) -> Batch<'order> {
        let Self { context, known, left, event_left, elements, refused_types } = self;
        let (keys, event) = (&context.keys, context.event.as_str());
        let mut batch =
            Batch { puts: Vec::new(), refusal_guards: Vec::new(), results, users, event: None, tickets: Vec::new(), arrays: Vec::new() };
        for ((kind, ticket), left) in known.tickets.iter().zip(left) {
            let value = Ticket { current_quantity: left, ..ticket.value.clone() };
            let written = left != ticket.value.current_quantity;
            if written {
                batch.write(keys.ticket(event, kind), &value, ticket.mod_revision);
            } else if refused_types.contains(kind.as_str()) {
                batch.refusal_guards.push((keys.ticket(event, kind), ticket.mod_revision));
            }
            batch.tickets.push(written.then_some(value));
        }
        let unknown = refused_types.into_iter().filter(|kind| known.tickets.iter().all(|(name, _)| name != kind));
        batch.refusal_guards.extend(unknown.map(|kind| (keys.ticket(event, kind), 0)));
        if let (Some(seen), Some(current_quantity), false) = (&known.event, event_left, elements.is_empty()) {
            let value = EventRecord { current_quantity, ..seen.value.clone() };
            batch.write(keys.event(event), &value, seen.mod_revision);
            batch.event = Some(value);
        }
        for user in &batch.users {
            let array = known.array(user);
            let Some(longer) = elements.get(user).and_then(|elements| append(array.value.as_bytes(), elements)) else { continue };
            batch.puts.push((put(keys.purchase(user, event), longer.clone()), array.mod_revision));
            batch.arrays.push((user, longer));
        }
        batch
    }
}

impl Batch<'_> {
    fn write<T: serde::Serialize>(&mut self, key: Blob, value: &T, revision: Revision) {
        self.puts.push((put(key, json(value)), revision));
    }
}
