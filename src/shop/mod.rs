//! The shop's business: queries and purchases.
//!
//! Everything goes through a [`Caller`], so that each request is in the record before it is sent.

pub mod cancel;
pub mod order;
pub mod purchase;
pub mod queries;
pub mod range_guard;

pub use cancel::{Cancel, Cancelling};
pub use order::Order;
pub use purchase::{Bought, BuyerMemory, Strategy};

use ticketcd_judge::model::{Keyspace, OrderId, OrderKey};

use crate::etcd::Caller;

/// A shop: where its keys are, and how tickets are bought in it.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Its keys.
    pub keys: Keyspace,
    /// Begins every order id of this run: letters and digits.
    pub run_tag: Box<str>,
    /// The date that purchases are entered under, `DD-MM-YYYY HH:MM`.
    pub date: Box<str>,
    /// How tickets are bought.
    pub strategy: Strategy,
}

impl Shop {
    /// Buys what the order asks for, or says why not. Nothing is written unless the outcome is `Sold` or `Unknown`.
    pub async fn buy(&self, caller: &mut Caller, memory: &mut BuyerMemory, order: &Order) -> Bought {
        match &self.strategy {
            Strategy::Optimistic(optimistic) => optimistic.buy(self, caller, memory, order).await,
            Strategy::Naive(naive) => naive.buy(self, caller, order).await,
        }
    }

    /// The id under which an order is entered. All attempts at the order share it.
    pub fn order_id(&self, key: OrderKey) -> String {
        OrderId { run: self.run_tag.clone(), key }.to_string()
    }
}
