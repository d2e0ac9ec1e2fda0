//! Valid histories, and ways to make them invalid: what the checks themselves are checked with.
//!
//! [`Simulation`] plays a small shop on a cluster that keeps its promises, with the oddities that are legal: unknown
//! outcomes, members that are down and catch up, orders that lose a race. What must be caught is made either with
//! its deliberately illegal steps, or by editing the events of a valid [`Record`].

mod etcd;
mod mutate;

pub use crate::simulation::{Basket, HeldOrder, LockHolder, Record, RequestOutcome, Shape, Simulation, run_info};
pub use etcd::Etcd;
