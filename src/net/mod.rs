//! The links between members, and between clients and members, under control.
//!
//! A [`Proxy`] listens in front of each member, on the TCP port that others know the member by. The [`LinkTable`] holds
//! the state of every directed link, and the proxies obey it.

mod address;
mod connection;
pub mod link_table;
mod peer_header;
mod proxy;
mod pump;
mod queue;
mod stream;

pub use address::Address;
pub use link_table::{Flow, Link, LinkState, LinkTable};
pub use proxy::{Proxy, ProxyOptions, Side};
