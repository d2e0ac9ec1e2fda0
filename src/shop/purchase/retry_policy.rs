//! How often an order is tried, and the pauses between the attempts.

use std::time::Duration;

use crate::settings::units::Span;

/// The longest pause, as a multiple of the first.
const BACK_OFF_FACTOR_MAX: u32 = 100;

/// How often an order is tried, and the pause after a conflict.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Transactions sent before the order ends as a conflict.
    pub attempts_max: u32,
    /// Longest pause after the first conflict.
    pub back_off: Duration,
}

impl RetryPolicy {
    /// The policy with the settings of a scenario.
    pub fn new(attempts: u32, back_off: Span) -> Self {
        Self { attempts_max: attempts.max(1), back_off: back_off.0 }
    }

    /// The pause after this number of conflicts. `jitter` is from 0 to 1.
    pub(in crate::shop) fn pause(&self, conflicts: u32, jitter: f64) -> Duration {
        let doubled = 1_u32.checked_shl(conflicts.saturating_sub(1)).unwrap_or(BACK_OFF_FACTOR_MAX).min(BACK_OFF_FACTOR_MAX);
        (self.back_off * doubled).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_hundred_times_the_first() {
        let retries = RetryPolicy { attempts_max: 12, back_off: Duration::from_millis(2) };
        let longest: Vec<_> = [1, 2, 3, 7, 8, 40].map(|conflicts| retries.pause(conflicts, 1.0).as_millis()).into();
        assert_eq!(longest, [2, 4, 8, 128, 200, 200]);
        assert_eq!(retries.pause(5, 0.0), Duration::ZERO);
        assert_eq!(retries.pause(1, 0.5), Duration::from_millis(1));
    }
}
