//! The promises of the shop.

pub mod conservation;
pub mod ledger;
pub mod oversell;
pub mod revenue;
mod stock;
