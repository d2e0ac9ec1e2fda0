//! Buying: one file per strategy, and the `table` of all. What they share is the stock as last seen ([`state`]), the decision what
//! to write ([`mod@write`]) and the stock that a buyer has in its cache ([`mod@stock_cache`]). The recipe for another one is in
//! `docs/architecture.md`.

mod lock_admission;
mod locking;
pub mod purchase_result;
pub(super) mod rejection;
pub mod retry_policy;
mod same_guard;
mod session;
pub(super) mod shards;
pub mod state;
pub mod stock_cache;
pub mod strategy;
mod strategy_draws;
mod strategy_error;
mod strategy_scope;
mod table;
#[cfg(test)]
mod tests;
pub mod write;

// One file for each strategy; the table names them.
mod batched;
mod command;
mod fenced_lock;
mod hold;
mod lock;
mod naive;
mod optimistic;
mod quoted;
pub(super) mod sharded;
mod two_step;

pub use locking::Stall;
pub use optimistic::Retry;
pub use purchase_result::PurchaseResult;
pub use retry_policy::RetryPolicy;
pub use stock_cache::StockCache;
pub use strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings, Supervision};
pub use strategy_draws::StrategyDraws;
pub use strategy_error::StrategyError;
pub use strategy_scope::StrategyScope;
pub use table::*;
