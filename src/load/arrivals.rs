//! The open model: when operations are due, independent of the speed of the cluster.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp1;
use ticketcd_judge::history::Nanos;

use crate::scenario::types::Arrivals as ArrivalSettings;
use crate::scenario::units::Rate;

/// The rate of arrivals over time, in operations a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Profile {
    /// Evenly spaced.
    Even {
        /// The rate.
        rate: f64,
    },
    /// A Poisson process.
    Poisson {
        /// The rate.
        rate: f64,
    },
    /// A Poisson process whose rate goes evenly from one to the other.
    Ramp {
        /// The rate at the start.
        from: f64,
        /// The rate at the end.
        to: f64,
        /// How long that takes, seconds.
        seconds: f64,
    },
    /// A Poisson process with a spike in it.
    Spike {
        /// The rate before and after.
        base: f64,
        /// The rate within.
        peak: f64,
        /// When the spike begins, seconds.
        begins: f64,
        /// When it ends, seconds.
        ends: f64,
    },
}

impl Profile {
    /// The profile of a scenario, over a load of `duration`; none for the closed model. Shares are of `base_rate`,
    /// operations a second.
    pub fn steady(settings: &ArrivalSettings, base_rate: f64, duration: Duration) -> Option<Self> {
        let rate = |rate: Rate| per_second(rate, base_rate);
        Some(match settings {
            ArrivalSettings::Closed(_) => return None,
            ArrivalSettings::Constant(constant) => Self::Even { rate: rate(constant.rate) },
            ArrivalSettings::Poisson(constant) => Self::Poisson { rate: rate(constant.rate) },
            ArrivalSettings::Ramp(ramp) => Self::Ramp { from: rate(ramp.from), to: rate(ramp.to), seconds: duration.as_secs_f64() },
            ArrivalSettings::Spike(spike) => {
                let (begins, lasts) = (spike.at.0.as_secs_f64(), spike.lasts.0.as_secs_f64());
                Self::Spike { base: rate(spike.base), peak: rate(spike.peak), begins, ends: begins + lasts }
            }
        })
    }

    /// The profile of the warm-up before it: the rate at which the load will begin, unchanging.
    pub fn warm_up(settings: &ArrivalSettings, base_rate: f64) -> Option<Self> {
        let rate = |rate: Rate| per_second(rate, base_rate);
        Some(match settings {
            ArrivalSettings::Closed(_) => return None,
            ArrivalSettings::Constant(constant) => Self::Even { rate: rate(constant.rate) },
            ArrivalSettings::Poisson(constant) => Self::Poisson { rate: rate(constant.rate) },
            ArrivalSettings::Ramp(ramp) => Self::Poisson { rate: rate(ramp.from) },
            ArrivalSettings::Spike(spike) => Self::Poisson { rate: rate(spike.base) },
        })
    }

    /// The rate at a moment, seconds from the start.
    pub fn rate_at(&self, seconds: f64) -> f64 {
        match *self {
            Self::Even { rate } | Self::Poisson { rate } => rate,
            Self::Ramp { from, to, seconds: whole } => {
                let share = if whole > 0.0 { (seconds / whole).clamp(0.0, 1.0) } else { 1.0 };
                from + (to - from) * share
            }
            Self::Spike { base, peak, begins, ends } => {
                if (begins..ends).contains(&seconds) {
                    peak
                } else {
                    base
                }
            }
        }
    }

    /// The highest rate it ever has.
    fn rate_max(&self) -> f64 {
        match *self {
            Self::Even { rate } | Self::Poisson { rate } => rate,
            Self::Ramp { from, to, .. } => from.max(to),
            Self::Spike { base, peak, .. } => base.max(peak),
        }
    }
}

fn per_second(rate: Rate, base_rate: f64) -> f64 {
    match rate {
        Rate::PerSecond(rate) => rate,
        Rate::Share(share) => share * base_rate,
    }
}

/// The moments at which operations are due: nanoseconds from the start of the load, ascending, all within it.
#[derive(Debug)]
pub struct Arrivals {
    profile: Profile,
    random: ChaCha8Rng,
    count: u64,
    seconds: f64,
    seconds_max: f64,
}

impl Arrivals {
    /// The arrivals of a load of `duration`.
    pub fn new(profile: Profile, duration: Duration, random: ChaCha8Rng) -> Self {
        Self { profile, random, count: 0, seconds: 0.0, seconds_max: duration.as_secs_f64() }
    }
}

impl Iterator for Arrivals {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        let rate_max = self.profile.rate_max();
        // A rate of nothing has no arrivals; a NaN is no rate.
        if rate_max.is_nan() || rate_max <= 0.0 {
            return None;
        }
        loop {
            if let Profile::Even { rate } = self.profile {
                // From the count, for a sum of intervals would drift.
                self.seconds = self.count as f64 / rate;
            } else {
                let interval: f64 = self.random.sample(Exp1);
                self.seconds += interval / rate_max;
            }
            self.count += 1;
            if self.seconds >= self.seconds_max {
                return None;
            }
            // Thinning: arrivals at the highest rate, of which each is kept with the share that its moment's rate is of it.
            let kept = match self.profile {
                Profile::Even { .. } | Profile::Poisson { .. } => true,
                Profile::Ramp { .. } | Profile::Spike { .. } => self.random.random::<f64>() * rate_max < self.profile.rate_at(self.seconds),
            };
            if kept {
                return Some((self.seconds * 1e9) as Nanos);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::streams::stream;
    use crate::scenario::types::{Constant, Ramp, Spike};
    use crate::scenario::units::Span;

    fn arrivals(profile: Profile, seconds: u64) -> Vec<Nanos> {
        Arrivals::new(profile, Duration::from_secs(seconds), stream(1, "arrivals", 0)).collect()
    }

    fn between(arrivals: &[Nanos], from: f64, until: f64) -> f64 {
        arrivals.iter().filter(|at| (from..until).contains(&(**at as f64 / 1e9))).count() as f64
    }

    /// Five standard deviations of a Poisson count: never left by chance, with this seed or another.
    fn expect(count: f64, mean: f64) {
        assert!((count - mean).abs() < 5.0 * mean.sqrt(), "{count} arrivals, expected about {mean}");
    }

    #[test]
    fn even_arrivals_are_evenly_spaced() {
        let arrivals = arrivals(Profile::Even { rate: 1000.0 }, 3);
        assert_eq!(arrivals.len(), 3000);
        assert!(arrivals.iter().enumerate().all(|(at, due)| due.abs_diff(at as u64 * 1_000_000) <= 1));
    }

    #[test]
    fn poisson_arrivals_are_irregular_with_the_right_mean() {
        let arrivals = arrivals(Profile::Poisson { rate: 500.0 }, 20);
        expect(arrivals.len() as f64, 10_000.0);
        assert!(arrivals.is_sorted());
        // The share of intervals below half the mean is 1 - e^-0.5 for a Poisson process, and none for even arrivals.
        let short = arrivals.windows(2).filter(|pair| pair[1] - pair[0] < 1_000_000).count();
        expect(short as f64, arrivals.len() as f64 * 0.3935);
    }

    #[test]
    fn a_spike_is_where_it_was_asked_for() {
        let settings = ArrivalSettings::Spike(Spike {
            base: Rate::Share(0.3),
            peak: Rate::Share(1.2),
            at: Span::seconds(10),
            lasts: Span::seconds(5),
        });
        let profile = Profile::steady(&settings, 1000.0, Duration::from_secs(30)).unwrap();
        let arrivals = arrivals(profile, 30);
        expect(between(&arrivals, 0.0, 10.0), 3000.0);
        expect(between(&arrivals, 10.0, 15.0), 6000.0);
        expect(between(&arrivals, 15.0, 30.0), 4500.0);
        assert_eq!(Profile::warm_up(&settings, 1000.0), Some(Profile::Poisson { rate: 300.0 }));
    }

    #[test]
    fn a_ramp_goes_from_one_rate_to_the_other() {
        let settings = ArrivalSettings::Ramp(Ramp { from: Rate::PerSecond(100.0), to: Rate::PerSecond(900.0) });
        let arrivals = arrivals(Profile::steady(&settings, 1.0, Duration::from_secs(20)).unwrap(), 20);
        expect(between(&arrivals, 0.0, 10.0), 3000.0);
        expect(between(&arrivals, 10.0, 20.0), 7000.0);
    }

    #[test]
    fn nothing_arrives_at_no_rate() {
        let settings = ArrivalSettings::Poisson(Constant { rate: Rate::Share(0.5) });
        assert!(arrivals(Profile::steady(&settings, 0.0, Duration::from_secs(5)).unwrap(), 5).is_empty());
        assert!(arrivals(Profile::Even { rate: f64::NAN }, 5).is_empty());
    }

    #[test]
    fn the_plan_of_a_seed_does_not_change() {
        let first: Vec<_> = arrivals(Profile::Poisson { rate: 100.0 }, 5).into_iter().take(3).collect();
        assert_eq!(first, PINNED);
    }

    /// Changing these changes what every seed means.
    const PINNED: [Nanos; 3] = [964_536, 1_293_111, 8_056_988];
}
