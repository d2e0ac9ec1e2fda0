//! Load: when operations begin, what they are, who makes them, and how many of them there were; and what is done for the
//! cluster meanwhile.
//!
//! Buyers are tasks. In the closed model each begins its next operation when the last is over; in the open model a
//! dispatcher hands operations out when they are due, whether the cluster keeps up or not.

pub mod arrivals;
pub mod buyer;
pub mod calibrate;
pub mod cancellable_orders;
mod closed;
pub mod counters;
pub mod drive;
pub mod housekeeping;
pub mod mix;
mod open;
pub mod order_generator;
pub mod popularity;
pub mod watch_workload;

pub use calibrate::NotCalibrated;
pub use counters::Counts;
pub use drive::Load;
pub use housekeeping::Housekeeping;
pub use order_generator::{Offer, OrderGenerator};
pub use watch_workload::WatchWorkload;
