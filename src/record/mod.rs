//! The record: a clock, ids, a bounded queue of events, and a thread that hands each event to every reader.
//!
//! Producers wait when the queue is full, and the wait is counted: no event is ever dropped.

mod clock;
mod event_sink;
mod ids;
mod recorder;
mod sink;

pub use clock::Clock;
pub use event_sink::EventSink;
pub use ids::Ids;
pub use recorder::{Reader, Recorder, RecorderError};
pub use sink::Sink;
