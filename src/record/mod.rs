//! The one sink of all events: a clock, a bounded queue, and a thread that hands each event to every reader.
//!
//! Producers wait when the queue is full, and the wait is counted: no event is ever dropped.

mod recorder;
mod sink;

pub use recorder::{Reader, Recorder, RecorderError};
pub use sink::Sink;
