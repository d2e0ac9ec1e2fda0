//! What a ticket shop is made of, and how it is written into etcd.

pub mod blob;
pub mod ids;
pub mod keys;
pub mod money;
pub mod records;

pub use blob::Blob;
pub use ids::{MemberIndex, Nanos, OrderId, OrderKey, Revision, seconds};
pub use keys::{Keyspace, ShopKey};
pub use money::{Cents, Total};
