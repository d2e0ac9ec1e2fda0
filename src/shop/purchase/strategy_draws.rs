//! Random settings of strategies, for generated scenarios.

use std::ops::{Deref, DerefMut};

use super::optimistic::Retry;
use crate::settings::draws::Draws;
use crate::settings::types::ReadMode;
use crate::settings::units::Span;

/// Draws the settings of a strategy. What most strategies have is drawn already.
#[derive(Debug)]
pub struct StrategyDraws<'a> {
    /// Draws what a strategy alone has.
    pub draws: Draws<'a>,
    /// Number of buyers.
    pub buyers: u32,
    /// Transactions for one order.
    pub attempts: u32,
    /// Longest pause after the first conflict.
    pub back_off: Span,
    /// What to do when a purchase is not answered.
    pub retry: Retry,
    /// How the stock is read.
    pub read: ReadMode,
}

impl<'a> Deref for StrategyDraws<'a> {
    type Target = Draws<'a>;

    fn deref(&self) -> &Self::Target {
        &self.draws
    }
}

impl DerefMut for StrategyDraws<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.draws
    }
}
