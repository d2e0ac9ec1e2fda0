//! All orders, by their keys. A buyer numbers its orders from 1 without gaps, so a list for each buyer is enough.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::order::Order;
use ticketcd_history::OrderKey;

/// All orders, by their keys.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// The orders of each buyer by sequence number; none if there is no such order.
    lists: FxHashMap<u32, Vec<Option<Order>>>,
    /// Orders whose sequence number is far from any other of their buyer: not from a buyer of the run, but anyone can write an id.
    strays: BTreeMap<OrderKey, Order>,
}

/// The largest gap in the sequence numbers of a buyer that is stored as a list.
const GAP_MAX: usize = 16;

impl Orders {
    /// An existing order.
    pub(super) fn get(&self, key: &OrderKey) -> Option<&Order> {
        let listed = self.lists.get(&key.buyer).and_then(|list| list.get(key.sequence as usize)).and_then(Option::as_ref);
        listed.or_else(|| self.strays.get(key))
    }

    /// An existing order, mutable.
    pub(super) fn get_mut(&mut self, key: &OrderKey) -> Option<&mut Order> {
        let listed = self.lists.get_mut(&key.buyer).and_then(|list| list.get_mut(key.sequence as usize)).and_then(Option::as_mut);
        listed.or_else(|| self.strays.get_mut(key))
    }

    /// An order; a new one is in the default state.
    pub(super) fn entry(&mut self, key: OrderKey) -> &mut Order {
        let place = key.sequence as usize;
        let list = self.lists.entry(key.buyer).or_default();
        if place >= list.len().saturating_add(GAP_MAX) {
            return self.strays.entry(key).or_default();
        }
        if place >= list.len() {
            list.resize(place + 1, None);
        }
        // It may have been stored apart before the list came near it.
        let order = list.get_mut(place).unwrap_or_else(|| unreachable!("the list was made long enough"));
        order.get_or_insert_with(|| if self.strays.is_empty() { Order::default() } else { self.strays.remove(&key).unwrap_or_default() })
    }

    /// Whether there is no order.
    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.strays.is_empty()
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (OrderKey, &Order)> {
        let listed = self.lists.iter().flat_map(|(&buyer, list)| {
            (0..).zip(list).filter_map(move |(sequence, order)| Some((OrderKey { buyer, sequence }, order.as_ref()?)))
        });
        listed.chain(self.strays.iter().map(|(key, order)| (*key, order)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(buyer: u32, sequence: u32) -> OrderKey {
        OrderKey { buyer, sequence }
    }

    #[test]
    fn every_order_is_found_again_however_far_its_number() {
        let mut orders = Orders::default();
        let keys = [key(1, 1), key(1, 2), key(2, u32::MAX), key(1, 40), key(3, 0), key(2, 1), key(1, 30)];
        for (revision, key) in (1..).zip(keys) {
            orders.entry(key).log_revision = revision;
        }
        for (revision, key) in (1..).zip(keys) {
            assert_eq!(orders.get(&key).unwrap().log_revision, revision);
            orders.get_mut(&key).unwrap().in_log = true;
            assert_eq!(orders.entry(key).log_revision, revision);
        }
        assert!(orders.get(&key(1, 3)).is_none() && orders.get(&key(9, 1)).is_none() && orders.get_mut(&key(2, 7)).is_none());
        let mut all: Vec<OrderKey> = orders.iter().map(|(key, _)| key).collect();
        all.sort_unstable();
        let mut expected = keys;
        expected.sort_unstable();
        assert_eq!(all, expected);
        assert!(orders.iter().all(|(_, order)| order.in_log));
    }

    #[test]
    fn an_order_far_ahead_is_the_same_when_its_buyer_comes_near() {
        let mut orders = Orders::default();
        orders.entry(key(1, 100)).log_revision = 7;
        (1..=100).for_each(|sequence| assert_eq!(orders.entry(key(1, sequence)).content, 0));
        assert_eq!((orders.get(&key(1, 100)).unwrap().log_revision, orders.iter().count()), (7, 100));
    }
}
