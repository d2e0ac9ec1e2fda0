//! What was recorded: one stream of events, the files it is kept in, and the log of revisions it adds up to.

pub mod audit;
pub mod board;
pub mod call;
pub mod event;
pub mod fault_lines;
mod frame;
pub mod integrity;
pub mod metrics;
pub mod read_ahead;
pub mod reader;
pub mod request;
pub mod revision_log;
pub mod run_dir;
pub mod run_info;
mod spares;
pub mod writer;

pub use frame::{BoundFile, Closing};

#[cfg(test)]
mod file_tests;
