//! The promises of the shop.
