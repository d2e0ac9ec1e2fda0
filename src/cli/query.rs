//! `ticketcd query`.

mod purchases;
mod revenue;
mod search;

use clap::Subcommand;

use super::connection::Connection;
use super::shop_session::ShopSession;
use super::{Exit, Failure};
use crate::printable;
use crate::shop::queries::Search;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all purchases of a user, including cancelled ones
    Purchases {
        /// User name
        user: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Sum up revenue by event type, all at one revision
    Revenue {
        /// Event types [default: all]
        #[arg(value_name = "TYPE")]
        types: Vec<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Find events by type, location and text; an event must match all of them
    Search {
        /// Event type
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// Location
        #[arg(long)]
        location: Option<String>,
        /// Prefix of a word of the name or description; several words in quotes
        #[arg(long, value_name = "PREFIX")]
        text: Option<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Output {
    /// Print as JSON (format: docs/queries.md)
    #[arg(long)]
    json: bool,
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let text = match args.command {
        Command::Purchases { user, output, connection } => {
            let mut session = ShopSession::begin(&connection).await?;
            purchases::answer(&mut session, &user, output.json).await
        }
        Command::Revenue { types, output, connection } => {
            let mut session = ShopSession::begin(&connection).await?;
            revenue::answer(&mut session, &types, output.json).await
        }
        Command::Search { kind, location, text, output, connection } => {
            let wanted = wanted(kind, location, text)?;
            let mut session = ShopSession::begin(&connection).await?;
            search::answer(&mut session, &wanted, output.json).await
        }
    };
    super::output::print(&text?)
}

fn wanted(kind: Option<String>, location: Option<String>, text: Option<String>) -> Result<Search, Failure> {
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    if (kind.is_none() && location.is_none() && text.is_none()) || is_blank(&kind) || is_blank(&location) || is_blank(&text) {
        return Err(Failure::Usage("nothing to search for: pass --type, --location or --text".to_owned()));
    }
    Ok(Search { kind, location, text })
}

/// A result as JSON.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(format!("{}\n", printable::json(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_for_nothing_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        assert!(wanted(None, None, None).is_err());
        assert!(wanted(text("concert"), None, text("  ")).is_err());
        assert!(wanted(None, text("Rome"), None).is_ok());
    }
}
