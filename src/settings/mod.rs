//! The settings of each part of a run, as plain data: types, units, bounds, and random streams. A scenario is made of them.

pub mod draws;
pub mod limits;
pub mod problem;
pub mod streams;
mod suggest;
pub mod types;
pub mod units;

pub use suggest::{did_you_mean, nearest};
