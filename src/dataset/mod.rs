//! The shop's data: generating, writing, verifying and removing it.

mod clean;
mod error;
mod generate;
mod load;
mod marker;
mod seeder;
mod unfinished;
mod verify;
mod vocabulary;

pub use clean::clean;
pub use error::DatasetError;
pub use generate::{Catalogue, CatalogueEvent, CatalogueTicket, Dataset, Entry};
pub use load::{LoadOptions, Loaded, load};
pub use unfinished::{Unfinished, unfinished};
pub use verify::{Verified, verify};

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::etcd::Client;
use crate::record::Sink;

/// Where a dataset is written, and how calls are made and recorded.
#[derive(Clone)]
pub struct Target {
    /// A client of each member, in their order; work is spread over them.
    pub clients: Vec<Client>,
    /// Where the calls are recorded.
    pub sink: Sink,
    /// How long a request may take.
    pub timeout: Duration,
    /// Ends the work cleanly between two requests.
    pub stop: CancellationToken,
}

/// How far the work is, in keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Keys that are done.
    pub done: usize,
    /// Keys that there are.
    pub total: usize,
}
