//! Valid histories, and ways to make them invalid, to test single checks.
//!
//! [`Simulation`] operates a small shop on a cluster that keeps its promises, with everything that is legal: unknown
//! outcomes, members that are down and catch up, orders that lose a race. What must be caught is made either with
//! its deliberately illegal steps, or by editing the events of a valid [`Record`].

mod etcd;
mod mutate;

pub use crate::simulation::{Basket, HeldOrder, LockHolder, Record, RequestOutcome, Shape, Simulation, run_info};
pub use etcd::Etcd;
