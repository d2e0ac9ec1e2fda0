//! The links between members, and between clients and members, under control.

pub mod switchboard;

pub use switchboard::{Flow, Link, LinkState, Switchboard};
