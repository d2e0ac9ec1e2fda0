//! The checks of the shop's rules.

pub mod conservation;
mod demand;
pub mod holds;
pub mod indexes;
pub mod ledger;
pub mod locks;
pub mod model;
pub mod oversell;
pub mod refusal;
mod replay;
pub mod revenue;
mod stock;
