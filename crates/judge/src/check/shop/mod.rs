//! The promises of the shop.

pub mod conservation;
pub mod oversell;
mod stock;

#[cfg(test)]
mod stock_tests;
