//! The purchase strategies of synthetic runs.

use std::fmt;
use std::str::FromStr;

use ticketcd_history::run_info::StockLayout;

/// A purchase strategy; it determines where the stock is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// One guarded transaction an order, from the ticket's own record.
    #[default]
    Optimistic,
    /// Out of shards.
    Sharded,
    /// Reserved under a lease, then confirmed, given up, or released when it ran out.
    Hold,
    /// Under a lock, without a fence.
    Lock,
    /// Under a lock, guarded by its key.
    FencedLock,
}

/// The text names no strategy of synthetic runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a strategy of synthetic runs")]
pub struct UnknownStrategy(pub String);

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Optimistic, Self::Sharded, Self::Hold, Self::Lock, Self::FencedLock];

    /// Its name on the command line, and in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::Optimistic => "optimistic",
            Self::Sharded => "sharded",
            Self::Hold => "hold",
            Self::Lock => "lock",
            Self::FencedLock => "fenced-lock",
        }
    }

    /// Where it keeps the stock.
    pub fn layout(self) -> StockLayout {
        match self {
            Self::Optimistic | Self::Lock | Self::FencedLock => StockLayout::Plain,
            Self::Sharded => StockLayout::Sharded,
            Self::Hold => StockLayout::Held,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == text).ok_or_else(|| UnknownStrategy(text.to_owned()))
    }
}
