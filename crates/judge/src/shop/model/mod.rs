//! The data model of the shop, and how it is stored in etcd.

pub mod keys;
pub mod money;
pub mod records;

pub use keys::{Keyspace, ShopKey};
pub use money::{Cents, Total};
