//! What a ticket shop is made of, and how it is written into etcd.

pub mod keys;
pub mod money;
pub mod records;

pub use keys::{Keyspace, ShopKey};
pub use money::{Cents, Total};
