//! `ticketcd dataset`.

use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) async fn execute(_args: Args) -> Result<Exit, Failure> {
    todo!()
}
