//! Which event an operation is about: a few events are hot.

use rand::RngExt;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::Zipf;

use crate::scenario::types::Popularity as PopularitySettings;

/// Draws positions in a list that is ordered from the most to the least popular.
#[derive(Clone, Debug)]
pub struct Popularity {
    length: usize,
    /// None when all are equally popular.
    zipf: Option<Zipf<f64>>,
}

impl Popularity {
    /// The popularity of `length` events. An exponent that is not a positive number makes all alike.
    pub fn new(settings: PopularitySettings, length: usize) -> Self {
        let zipf = match settings {
            PopularitySettings::Uniform => None,
            PopularitySettings::Zipf(exponent) if exponent > 0.0 => Zipf::new(length as f64, exponent).ok(),
            PopularitySettings::Zipf(_) => None,
        };
        Self { length, zipf }
    }

    /// Draws a position, from 0; `None` of an empty list.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> Option<usize> {
        let last = self.length.checked_sub(1)?;
        Some(match &self.zipf {
            Some(zipf) => (zipf.sample(random) as usize).saturating_sub(1).min(last),
            None => random.random_range(0..self.length),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::streams::stream;

    fn draws(settings: PopularitySettings, length: usize, count: usize) -> Vec<usize> {
        let popularity = Popularity::new(settings, length);
        let mut random = stream(1, "popularity", 0);
        (0..count).map(|_| popularity.draw(&mut random).unwrap()).collect()
    }

    #[test]
    fn the_first_is_hottest() {
        let draws = draws(PopularitySettings::Zipf(1.1), 50, 20_000);
        let count = |wanted| draws.iter().filter(|drawn| **drawn == wanted).count() as f64;
        let weight = |rank: f64| rank.powf(-1.1);
        let whole: f64 = (1..=50).map(|rank| weight(f64::from(rank))).sum();
        for rank in [1_u32, 2, 10] {
            let expected = 20_000.0 * weight(f64::from(rank)) / whole;
            assert!((count(rank as usize - 1) - expected).abs() < 5.0 * expected.sqrt(), "rank {rank}");
        }
        assert!(draws.iter().all(|drawn| *drawn < 50));
    }

    #[test]
    fn uniform_draws_favour_no_event() {
        let draws = draws(PopularitySettings::Uniform, 4, 8000);
        for wanted in 0..4 {
            assert!(draws.iter().filter(|drawn| **drawn == wanted).count().abs_diff(2000) < 200);
        }
    }

    #[test]
    fn the_plan_of_a_seed_does_not_change() {
        assert_eq!(draws(PopularitySettings::Zipf(1.1), 50, 10), PINNED);
        assert_eq!(Popularity::new(PopularitySettings::Uniform, 0).draw(&mut stream(1, "popularity", 0)), None);
    }

    /// Changing these changes what every seed means.
    const PINNED: [usize; 10] = [1, 21, 7, 19, 0, 2, 42, 0, 0, 13];
}
