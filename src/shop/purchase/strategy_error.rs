//! Why a strategy could not prepare the stock before the load, or restore it afterwards.

use super::command::ScriptError;
use super::hold::ReleaseError;
use super::shards::MoveError;

/// Why a strategy could not prepare the stock before the load, or restore it afterwards.
#[derive(Debug, thiserror::Error)]
pub enum StrategyError {
    /// The stock could not be moved between the tickets and their shards.
    #[error(transparent)]
    Shards(#[from] MoveError),
    /// Reserved tickets could not be returned.
    #[error(transparent)]
    Reservations(#[from] ReleaseError),
    /// The script could not be started.
    #[error(transparent)]
    Script(#[from] ScriptError),
}
