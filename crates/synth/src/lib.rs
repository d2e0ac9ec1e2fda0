//! Synthetic runs: what a hot sale on a healthy cluster leaves behind, of any size, valid or with one mutation that violates
//! a promise.
//!
//! The record resembles real ones. Buyers on three members race for the same tickets, lose races, read in the failure branch,
//! receive no response and never learn whether they bought, and find everything sold out. A member is killed and restarted.
//! Clients watch the stock, read pages that may be stale, and cancel orders. A barrier and two audits end the run. Everything
//! is drawn from the seed: the same seed gives the same bytes on every machine. Events are written as they happen: memory
//! grows with the shop, not with the number of operations.
//!
//! Synthetic runs test the checks at sizes that no real run reaches in reasonable time, and show that each mutation is
//! detected.
//!
//! * `cluster`: the simulated cluster that executes every request.
//! * `sale`: buyers of the optimistic strategy, who race in simulated time.
//! * `staged`: the other strategies, step by step, on the shop of `simulation`.
//! * `client_watches`: the watches that clients open beside.
//! * `mutation`: the violations, each with the check that must detect it.
//! * [`guide`]: the page of anomalies, generated from one run of each mutation.
//! * [`testing`]: small histories for the tests of single checks.

mod client_watches;
mod cluster;
mod delays;
mod directory;
mod draw;
mod event_writer;
mod generate;
pub mod guide;
mod mutation;
mod run;
mod sale;
mod shop;
mod simulation;
mod staged;
mod strategy;
pub mod testing;
#[cfg(test)]
mod tests;

pub use directory::{GenerateError, write_run};
pub use generate::{generate, generate_of};
pub use mutation::{Mutation, UnknownMutation};
pub use run::{Generated, SYNTHETIC, Size, run_info, run_info_of};
pub use strategy::{Strategy, UnknownStrategy};
