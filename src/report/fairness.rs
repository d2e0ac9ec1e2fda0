//! How evenly the buyers were served: a sale may be correct and still serve few.

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How evenly the counted load served its buyers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FairnessResult {
    /// Buyers who placed an order.
    pub buyers_tried: u64,
    /// Buyers to whom at least one order was sold.
    pub buyers_served: u64,
    /// The largest part of all orders sold that went to one buyer; none when nothing was sold.
    pub largest_share: Option<f64>,
}

/// Orders sold, by the number of the buyer.
#[derive(Clone, Debug, Default)]
pub struct Fairness {
    sold: FxHashMap<u32, u64>,
}

impl Fairness {
    /// A buyer placed an order.
    pub fn tried(&mut self, buyer: u32) {
        self.sold.entry(buyer).or_default();
    }

    /// An order was sold to a buyer.
    pub fn served(&mut self, buyer: u32) {
        *self.sold.entry(buyer).or_default() += 1;
    }

    /// The result.
    pub fn result(&self) -> FairnessResult {
        let all: u64 = self.sold.values().sum();
        // Without buyers there is no largest share.
        let most = self.sold.values().copied().max().unwrap_or(0);
        FairnessResult {
            buyers_tried: self.sold.len() as u64,
            buyers_served: self.sold.values().filter(|sold| **sold > 0).count() as u64,
            largest_share: (all > 0).then(|| most as f64 / all as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tried_and_got_nothing_is_counted_too() {
        let mut fairness = Fairness::default();
        (0..4).for_each(|buyer| fairness.tried(buyer));
        for buyer in [0, 0, 0, 1] {
            fairness.served(buyer);
        }
        let result = FairnessResult { buyers_tried: 4, buyers_served: 2, largest_share: Some(0.75) };
        assert_eq!(fairness.result(), result);
        assert_eq!(Fairness::default().result(), FairnessResult::default());
    }
}
