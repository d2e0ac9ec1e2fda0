//! `ticketcd query`.

mod purchases;
mod revenue;
mod search;

use clap::Subcommand;

use super::connection::Connection;
use super::shop_session::ShopSession;
use super::write_out::WriteOut;
use super::{Exit, Failure};
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
        output: WriteOut,
        #[command(flatten)]
        connection: Connection,
    },
    /// Sum up revenue by event type, all at one revision
    Revenue {
        /// Event types [default: all]
        #[arg(value_name = "TYPE")]
        types: Vec<String>,
        #[command(flatten)]
        output: WriteOut,
        #[command(flatten)]
        connection: Connection,
    },
    /// Find events by type, location and text, of which an event must match all; without any, list every event
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
        output: WriteOut,
        #[command(flatten)]
        connection: Connection,
    },
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let text = match args.command {
        Command::Purchases { user, output, connection } => {
            let mut session = ShopSession::begin(&connection).await?;
            purchases::answer(&mut session, &user, output.is_json()).await
        }
        Command::Revenue { types, output, connection } => {
            let mut session = ShopSession::begin(&connection).await?;
            revenue::answer(&mut session, &types, output.is_json()).await
        }
        Command::Search { kind, location, text, output, connection } => {
            let wanted = wanted(kind, location, text)?;
            let mut session = ShopSession::begin(&connection).await?;
            search::answer(&mut session, &wanted, output.is_json()).await
        }
    };
    super::output::print(&text?)
}

/// What to search for. Without a filter, every event matches.
fn wanted(kind: Option<String>, location: Option<String>, text: Option<String>) -> Result<Search, Failure> {
    for (flag, value) in [("--type", &kind), ("--location", &location), ("--text", &text)] {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            return Err(Failure::Usage(format!("{flag} is empty: pass a value, or omit the flag to search without it")));
        }
    }
    Ok(Search { kind, location, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_filter_is_refused_and_no_filter_finds_everything() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(wanted(None, None, None).unwrap(), Search::default());
        assert!(matches!(wanted(text("concert"), None, text("  ")), Err(Failure::Usage(message)) if message.contains("--text")));
        assert!(wanted(None, text("Rome"), None).is_ok());
    }
}
