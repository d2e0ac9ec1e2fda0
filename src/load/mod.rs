//! Load: when operations begin, what they are, who makes them, and how many of them there were.
//!
//! Buyers are tasks. In the closed model each begins its next operation when the last is over; in the open model a
//! dispatcher hands operations out when they are due, whether the cluster keeps up or not.

pub mod arrivals;
pub mod buyer;
pub mod calibrate;
mod closed;
pub mod counters;
pub mod drive;
pub mod market;
pub mod mix;
mod open;
pub mod popularity;
pub mod standing;

pub use calibrate::NotCalibrated;
pub use counters::Counts;
pub use drive::Load;
pub use market::{Market, Offer};
