//! What was recorded: one stream of events, the files it is kept in, and the log of revisions it adds up to.

pub mod audit;
pub mod call;
pub mod event;
pub mod request;
pub mod run_info;
