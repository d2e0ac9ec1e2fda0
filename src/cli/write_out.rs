//! How the result of a command is printed: the flag of `etcdctl`.

use clap::ValueEnum;

use super::Failure;
use crate::printable;

/// How a result is printed.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct WriteOut {
    /// Output format: text and tables for people, or JSON
    #[arg(short = 'w', long, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    write_out: Format,
    /// Print as JSON (format: docs/queries.md); the same as -w json
    #[arg(long, conflicts_with = "write_out")]
    json: bool,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    // Without descriptions in the help, which stays short.
    Table,
    Json,
}

impl WriteOut {
    /// Whether the result is printed as JSON.
    pub(super) fn is_json(self) -> bool {
        self.json || self.write_out == Format::Json
    }
}

/// A result as JSON.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(format!("{}\n", printable::json(&text)))
}
