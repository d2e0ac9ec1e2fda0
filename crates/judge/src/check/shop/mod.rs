//! The promises of the shop.

pub mod ledger;
pub mod revenue;
