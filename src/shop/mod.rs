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
pub use purchase::{PurchaseResult, RetryPolicy, StockCache, Strategy, StrategyError};

use ticketcd_judge::history::{OrderId, OrderKey};
use ticketcd_judge::model::Keyspace;
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
    /// Buys an order. Nothing is written unless the outcome is `Sold` or `Unknown`.
    pub async fn buy(&self, caller: &mut RecordingClient, cache: &mut StockCache, order: &Order) -> PurchaseResult {
        match &self.strategy {
            Strategy::Optimistic(optimistic) => optimistic.buy(self, caller, cache, order).await,
            Strategy::Naive(naive) => naive.buy(self, caller, order).await,
            Strategy::Lock(lock) => lock.buy(self, caller, cache, order).await,
            Strategy::FencedLock(lock) => lock.buy(self, caller, cache, order).await,
            Strategy::Batched(batched) => batched.buy(self, caller, order).await,
            Strategy::Sharded(sharded) => sharded.buy(self, caller, cache, order).await,
            Strategy::Hold(hold) => hold.buy(self, caller, cache, order).await,
            Strategy::Quoted(quoted) => quoted.buy(self, caller, cache, order).await,
            Strategy::Command(command) => command.buy(self, caller, order).await,
        }
    }

    /// Moves the stock of `events` to where the strategy sells it from. Called once, after the dataset is written and before the
    /// load; its calls are recorded as `Purpose::Settle`.
    ///
    /// # Errors
    /// What failed. The load cannot start then.
    pub async fn prepare(&self, caller: &mut RecordingClient, events: &[String]) -> Result<(), StrategyError> {
        match &self.strategy {
            Strategy::Sharded(sharded) => Ok(shards::split(&self.keys, caller, events, sharded.shards).await?),
            Strategy::Command(command) => Ok(command.prepare()?),
            // The others sell from where the dataset keeps the stock.
            _ => Ok(()),
        }
    }

    /// Runs the expiry sweeper of a strategy with reservations, from before the load until `over`.
    pub async fn sweep_expired(&self, caller: RecordingClient, over: CancellationToken) {
        match &self.strategy {
            Strategy::Hold(hold) => hold.sweep_expired(self, caller, over).await,
            _ => caller.close().await,
        }
    }

    /// Stops the background tasks and processes of the strategy, after the last buyer has ended.
    pub async fn close(&self) {
        match &self.strategy {
            Strategy::Batched(batched) => batched.close().await,
            Strategy::Command(command) => command.close(),
            _ => {}
        }
    }

    /// Restores the stock of `events` to the tickets after the load. Called once, after every fault is healed and every
    /// unanswered request has timed out in etcd, so that no write is in flight; its calls are recorded as `Purpose::Settle`, or as
    /// `Purpose::Release` for reservations.
    ///
    /// # Errors
    /// What failed. Sold tickets stay sold.
    pub async fn restore(&self, caller: &mut RecordingClient, events: &[String]) -> Result<(), StrategyError> {
        match &self.strategy {
            Strategy::Sharded(_) => Ok(shards::fold(&self.keys, caller, events).await?),
            Strategy::Hold(hold) => Ok(hold.restore(self, caller).await?),
            // The others keep all stock in the tickets.
            _ => Ok(()),
        }
    }

    /// The id under which an order is entered. All its attempts share it.
    pub fn order_id(&self, key: OrderKey) -> String {
        OrderId { run: self.run_tag.clone(), key }.to_string()
    }
}
