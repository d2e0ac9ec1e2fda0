//! The orders of a buyer that it can cancel.

use std::collections::VecDeque;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::shop::Order;

/// Orders that are kept; the oldest is dropped first and is then never cancelled.
const ORDERS_MAX: usize = 64;

/// A buyer's own orders that were acknowledged as sold and not cancelled yet. An order with an unknown outcome is not among them:
/// it may not exist.
#[derive(Debug, Default)]
pub struct CancellableOrders {
    orders: VecDeque<Order>,
}

impl CancellableOrders {
    /// Adds an order that was sold.
    pub fn note(&mut self, order: Order) {
        if self.orders.len() >= ORDERS_MAX {
            self.orders.pop_front();
        }
        self.orders.push_back(order);
    }

    /// Removes a random order and returns it.
    pub fn take(&mut self, random: &mut ChaCha8Rng) -> Option<Order> {
        let position = (!self.orders.is_empty()).then(|| random.random_range(0..self.orders.len()))?;
        self.orders.remove(position)
    }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::OrderKey;

    use super::*;
    use crate::scenario::streams::stream;

    #[test]
    fn each_is_taken_once_and_the_oldest_are_dropped() {
        let order = |sequence| Order {
            key: OrderKey { buyer: 1, sequence },
            user: "ann".to_owned(),
            event: "e1".to_owned(),
            items: vec![("pink".to_owned(), 1)],
            due: 0,
        };
        let (mut standing, mut random) = (CancellableOrders::default(), stream(1, "choices", 0));
        assert_eq!(standing.take(&mut random), None);
        for sequence in 0..70 {
            standing.note(order(sequence));
        }
        let mut taken: Vec<u32> = std::iter::from_fn(|| standing.take(&mut random)).map(|order| order.key.sequence).collect();
        assert!(!taken.is_sorted(), "they are taken at random");
        taken.sort_unstable();
        assert_eq!(taken, (6..70).collect::<Vec<_>>());
    }
}
