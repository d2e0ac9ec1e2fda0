//! What breaks: the plan, the injection, the record of what really happened.
//!
//! A run draws a [`Plan`] from the scenario and the seed, and [`run`] carries it out beside the load: each fault waits
//! until it is due and until its target is there, is injected, watched, healed, and counts as healed when the members it
//! hit follow the cluster's leader again. Every step is an event; nothing is recorded that was only asked for.
//!
//! The seed fixes the plan: when each fault is due, and the order in which members are tried when a target leaves a
//! choice. It does not fix who leads at that moment, nor how long a recovery takes.
//!
//! # Adding a fault
//!
//! 1. Give it a variant in [`Inject`](crate::scenario::types::Inject): that is its name in scenario files.
//! 2. Say in [`catalogue`] what it is called, whom it is aimed at, how long it lasts, and whether etcd promises to
//!    survive it. The compiler lists the places.
//! 3. Inject and heal it in the file of its family: [`processes`] for what is done to a member's process, [`links`] for
//!    what is done to connections. Faults may overlap, so a family keeps count of who asked for what: a member is resumed
//!    when the last pause ends, a link opens when the last demand on it is withdrawn.
//! 4. Choose its arms: in `aim` what it hits, in `hands` how it is put into force. How it is healed follows from the
//!    force it leaves behind.

mod aim;
pub mod catalogue;
mod effects;
mod hands;
mod injector;
pub mod links;
pub mod plan;
pub mod processes;
pub mod target;

pub use injector::run;
pub use plan::{Plan, PlannedFault};
