//! The shop's business: queries and purchases.
//!
//! Everything goes through a [`RecordingClient`], so that each request is in the record before it is sent.

pub mod cancel;
pub mod order;
pub mod purchase;
pub mod queries;
pub mod range_guard;

pub use cancel::{Cancel, Cancelling};
pub use order::Order;
pub use purchase::{Bought, BuyerMemory, Patience, Strategy};

use ticketcd_judge::history::{OrderId, OrderKey};
use ticketcd_judge::shop::model::Keyspace;
use tokio_util::sync::CancellationToken;

use crate::etcd::RecordingClient;
use purchase::shards;

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
    pub async fn buy(&self, caller: &mut RecordingClient, memory: &mut BuyerMemory, order: &Order) -> Bought {
        match &self.strategy {
            Strategy::Optimistic(optimistic) => optimistic.buy(self, caller, memory, order).await,
            Strategy::Naive(naive) => naive.buy(self, caller, order).await,
            Strategy::Lock(lock) => lock.buy(self, caller, memory, order).await,
            Strategy::FencedLock(lock) => lock.buy(self, caller, memory, order).await,
            Strategy::Batched(batched) => batched.buy(self, caller, order).await,
            Strategy::Sharded(sharded) => sharded.buy(self, caller, memory, order).await,
            Strategy::Hold(hold) => hold.buy(self, caller, memory, order).await,
            Strategy::Quoted(quoted) => quoted.buy(self, caller, memory, order).await,
            Strategy::Command(command) => command.buy(self, caller, order).await,
        }
    }

    /// Puts the stock of `events` where the strategy sells it from. Called once, when the dataset is written and nobody
    /// buys yet; its calls are recorded as `Purpose::Settle`.
    ///
    /// # Errors
    /// What could not be done, in words: there is no shop to sell in then.
    pub async fn open(&self, caller: &mut RecordingClient, events: &[String]) -> Result<(), String> {
        match &self.strategy {
            Strategy::Sharded(sharded) => shards::split(&self.keys, caller, events, sharded.shards).await,
            Strategy::Command(command) => command.open(),
            // The others sell from where the dataset has put it.
            _ => Ok(()),
        }
    }

    /// Does what the strategy needs done in the background, from before the market opens until `over`.
    pub async fn tend(&self, caller: RecordingClient, over: CancellationToken) {
        match &self.strategy {
            Strategy::Hold(hold) => hold.tend(self, caller, over).await,
            _ => caller.close().await,
        }
    }

    /// Ends what a strategy runs beside its buyers, once no buyer is left.
    pub async fn close(&self) {
        match &self.strategy {
            Strategy::Batched(batched) => batched.close().await,
            Strategy::Command(command) => command.close(),
            _ => {}
        }
    }

    /// Brings the stock of `events` back to where it belongs when nobody buys any more. Called once, when every fault is
    /// healed and etcd has given up whatever was never answered, so that nothing can happen meanwhile; its calls are
    /// recorded as `Purpose::Settle`, or as `Purpose::Release` where they do what was done all the time.
    ///
    /// # Errors
    /// What could not be done, in words. What was sold stays sold.
    pub async fn settle(&self, caller: &mut RecordingClient, events: &[String]) -> Result<(), String> {
        match &self.strategy {
            Strategy::Sharded(_) => shards::fold(&self.keys, caller, events).await,
            Strategy::Hold(hold) => hold.settle(self, caller).await,
            // The others keep all stock in the tickets.
            _ => Ok(()),
        }
    }

    /// The id under which an order is entered. All attempts at the order share it.
    pub fn order_id(&self, key: OrderKey) -> String {
        OrderId { run: self.run_tag.clone(), key }.to_string()
    }
}
