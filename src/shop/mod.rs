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
pub use purchase::{ActiveStrategy, PurchaseResult, RetryPolicy, StockCache, StrategyContext, StrategyError, Supervision};

use std::sync::Arc;

use ticketcd_judge::history::{OrderId, OrderKey};
use ticketcd_judge::model::Keyspace;
use tokio_util::sync::CancellationToken;

use crate::etcd::RecordingClient;

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
    pub strategy: Arc<dyn ActiveStrategy>,
}

impl Shop {
    /// Buys an order. Nothing is written unless the outcome is `Sold` or `Unknown`.
    pub async fn buy(&self, caller: &mut RecordingClient, cache: &mut StockCache, order: &Order) -> PurchaseResult {
        self.strategy.buy(self, caller, cache, order).await
    }

    /// Moves the stock of `events` to where the strategy sells it from: see [`ActiveStrategy::prepare`].
    ///
    /// # Errors
    /// What failed. The load cannot start then.
    pub async fn prepare(&self, caller: &mut RecordingClient, events: &[String]) -> Result<(), StrategyError> {
        self.strategy.prepare(self, caller, events).await
    }

    /// Runs the expiry sweeper of a strategy with reservations, from before the load until `over`.
    pub async fn sweep_expired(&self, caller: RecordingClient, over: CancellationToken) {
        self.strategy.sweep_expired(self, caller, over).await;
    }

    /// Stops the background tasks and processes of the strategy, after the last buyer has ended.
    pub async fn close(&self) {
        self.strategy.close().await;
    }

    /// Restores the stock of `events` to the tickets after the load: see [`ActiveStrategy::restore`].
    ///
    /// # Errors
    /// What failed. Sold tickets stay sold.
    pub async fn restore(&self, caller: &mut RecordingClient, events: &[String]) -> Result<(), StrategyError> {
        self.strategy.restore(self, caller, events).await
    }

    /// The id under which an order is entered. All its attempts share it.
    pub fn order_id(&self, key: OrderKey) -> String {
        OrderId { run: self.run_tag.clone(), key }.to_string()
    }
}
