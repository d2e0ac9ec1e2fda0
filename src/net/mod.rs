//! The links between members, and between clients and members, under control.
//!
//! A [`Proxy`] stands in front of each member and holds the TCP port that others know it by. What it does with the bytes
//! of a link, the [`Switchboard`] says.

mod connection;
mod head;
mod proxy;
mod pump;
mod queue;
mod stream;
pub mod switchboard;

pub use proxy::{Proxy, Side};
pub use switchboard::{Flow, Link, LinkState, Switchboard};
