//! The run's clock.

use std::time::{Duration, Instant};

use ticketcd_judge::history::Nanos;

/// A clock that counts nanoseconds from its start. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Nanos {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// A moment of this clock as an instant, to sleep until.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.began + Duration::from_nanos(at)
    }
}
