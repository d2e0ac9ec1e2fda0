//! What a buyer does next.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::scenario::types;

/// What buyers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Buy.
    Purchase,
    /// Search events.
    Search,
    /// Look at one's own orders.
    Orders,
    /// Revenue of an event type.
    Revenue,
    /// Write a key guarded by a range compare.
    RangeGuard,
    /// Cancel one of the buyer's own sold orders; a buyer without one buys instead.
    Cancel,
    /// Open a watch on the stock of an event.
    Board,
}

/// Operations by weight.
#[derive(Clone, Debug)]
pub struct Mix {
    weights: [(Operation, u64); 7],
    total: u64,
}

impl Mix {
    /// The mix of a scenario. With no weight at all everything is a purchase.
    pub fn new(mix: &types::Mix) -> Self {
        let weights = [
            (Operation::Purchase, mix.purchase),
            (Operation::Search, mix.search),
            (Operation::Orders, mix.orders),
            (Operation::Revenue, mix.revenue),
            (Operation::RangeGuard, mix.range_guard),
            (Operation::Cancel, mix.cancel),
            (Operation::Board, mix.board),
        ]
        .map(|(operation, weight)| (operation, u64::from(weight)));
        Self { total: weights.iter().map(|(_, weight)| weight).sum(), weights }
    }

    /// Draws an operation.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> Operation {
        let mut left = if self.total == 0 { 0 } else { random.random_range(0..self.total) };
        for (operation, weight) in self.weights {
            if left < weight {
                return operation;
            }
            left -= weight;
        }
        Operation::Purchase
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::streams::stream;

    #[test]
    fn operations_come_by_their_weight() {
        let mix = Mix::new(&types::Mix { purchase: 80, search: 15, orders: 4, revenue: 1, range_guard: 0, ..types::Mix::default() });
        let mut random = stream(1, "mix", 0);
        let draws: Vec<_> = (0..10_000).map(|_| mix.draw(&mut random)).collect();
        let count = |wanted| draws.iter().filter(|drawn| **drawn == wanted).count() as i64;
        for (operation, expected) in
            [(Operation::Purchase, 8000), (Operation::Search, 1500), (Operation::Orders, 400), (Operation::Revenue, 100)]
        {
            assert!((count(operation) - expected).abs() < 200, "{operation:?}: {}", count(operation));
        }
        assert_eq!(count(Operation::RangeGuard), 0);
        assert!(count(Operation::Revenue) > 0);
    }

    #[test]
    fn without_weights_everything_is_a_purchase() {
        let none = types::Mix { purchase: 0, search: 0, orders: 0, revenue: 0, range_guard: 0, ..types::Mix::default() };
        assert_eq!(Mix::new(&none).draw(&mut stream(1, "mix", 0)), Operation::Purchase);
    }
}
