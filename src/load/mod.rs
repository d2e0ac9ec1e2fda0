//! Load: when operations begin, what they are, who makes them, and how many of them there were; and what is done for the
//! cluster meanwhile.
//!
//! Buyers are tasks. In the closed model each begins its next operation when the last is over; in the open model a
//! dispatcher hands operations out when they are due, whether the cluster keeps up or not.

pub mod arrivals;
pub mod boards;
pub mod buyer;
pub mod calibrate;
mod closed;
pub mod counters;
pub mod drive;
pub mod housekeeping;
pub mod market;
pub mod mix;
mod open;
pub mod popularity;
pub mod standing;

pub use boards::Billboard;
pub use calibrate::NotCalibrated;
pub use counters::Counts;
pub use drive::Load;
pub use housekeeping::Housekeeping;
pub use market::{Market, Offer};
