//! What a buyer has bought and could give back.

use std::collections::VecDeque;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::shop::Order;

/// Orders a buyer remembers; the oldest is forgotten first and then stands for good.
const ORDERS_MAX: usize = 64;

/// A buyer's own orders that were sold, as it was told, and that it has not tried to cancel. An order whose outcome is
/// unknown is not among them: giving back what one may not have is no honest wish.
#[derive(Debug, Default)]
pub struct Standing {
    orders: VecDeque<Order>,
}

impl Standing {
    /// Remembers an order that was sold.
    pub fn note(&mut self, order: Order) {
        if self.orders.len() >= ORDERS_MAX {
            self.orders.pop_front();
        }
        self.orders.push_back(order);
    }

    /// Takes a random one out: whoever wants to try again must note it again.
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
    fn each_is_taken_once_and_the_oldest_are_forgotten() {
        let order = |sequence| Order {
            key: OrderKey { buyer: 1, sequence },
            user: "ann".to_owned(),
            event: "e1".to_owned(),
            items: vec![("pink".to_owned(), 1)],
            due: 0,
        };
        let (mut standing, mut random) = (Standing::default(), stream(1, "choices", 0));
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
