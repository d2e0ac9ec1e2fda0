//! `ticketcd history`.

use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn execute(_args: Args) -> Result<Exit, Failure> {
    todo!()
}
