//! Faults: what breaks, when, and the record of what really happened.
//!
//! A run draws a [`Plan`] from the scenario and the seed, and [`run`] carries it out beside the load: each fault waits
//! until it is due and until its target is there, is injected, watched, healed, and counts as healed when the members it
//! hit follow the cluster's leader again. Every step is an event; only what really happened is recorded.
//!
//! The seed fixes the plan: when each fault is due, and the order in which members are tried when a target leaves a
//! choice. It does not fix who leads at that moment, nor how long a recovery takes.
//!
//! A fault is a value that implements [`Fault`], in a file of its own; `table` lists them all. Faults may overlap, so the
//! operations that they are made of, those of [`FaultExecutor`], keep count: a member is resumed when the last pause ends, a
//! link opens when the last demand on it is withdrawn. The recipe for another one is in `docs/architecture.md`.

mod definition;
mod draws;
mod effects;
mod executor;
mod injector;
mod link_faults;
mod link_set;
mod links;
mod ownership;
mod plan;
mod process_faults;
mod resolved_target;
mod scope;
pub mod settings;
mod table;
mod target;

// One file for each fault; the table names them.
mod black_hole;
mod crash_loop;
mod kill;
mod latency;
mod partition;
mod pause;
mod reset;
mod restart;
mod slow_cpu;
mod terminate;

pub use definition::{ActiveFault, Fault, Healing, Injection, InjectionFailed, Pending};
pub use draws::Draws;
pub use executor::{Ending, FaultExecutor};
pub use injector::run;
pub use link_set::{Direction, LinkSet};
pub use plan::{Plan, PlannedFault, UnavailableFault};
pub use resolved_target::{Claim, ResolvedTarget};
pub use scope::Scope;
pub use table::*;
pub use target::{ClusterState, MemberHealth, Needs, TargetOrder};
