//! Random settings, for generated scenarios.

use rand::RngExt;
use rand::distr::uniform::{SampleRange, SampleUniform};
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::units::Span;

/// Draws values from a random stream.
#[derive(Debug)]
pub struct Draws<'a> {
    random: &'a mut ChaCha8Rng,
}

impl<'a> Draws<'a> {
    /// Draws from a stream.
    pub fn new(random: &'a mut ChaCha8Rng) -> Self {
        Self { random }
    }

    /// The stream.
    pub fn random(&mut self) -> &mut ChaCha8Rng {
        self.random
    }

    /// A number in a range.
    pub fn number<T: SampleUniform>(&mut self, range: impl SampleRange<T>) -> T {
        self.random.random_range(range)
    }

    /// Whether something with this probability, in percent, happens.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.number(0..100_u32) < chance
    }

    /// One of several values, each with the same probability; `otherwise` when there are none.
    pub fn one_of<T: Copy>(&mut self, values: &[T], otherwise: T) -> T {
        values.choose(self.random).copied().unwrap_or(otherwise)
    }

    /// One of several spans, in milliseconds.
    pub fn milliseconds(&mut self, values: &[u64]) -> Span {
        Span::milliseconds(self.one_of(values, 1))
    }

    /// A number whose order of magnitude is uniformly distributed.
    pub fn magnitude(&mut self, least: u32, most: u32) -> u32 {
        let exponent = self.number(f64::from(least).ln()..=f64::from(most).ln());
        // Rounding may leave the bounds by one.
        (exponent.exp().round() as u32).clamp(least, most)
    }
}
