//! What people and programs see of a run. Everything is derived from the run directory: once recorded, always reproducible.

pub mod build;
pub mod decide;
pub mod latency;
pub mod matrix;
pub mod result;
pub mod statistics;
pub mod summary;
pub mod windows;

pub use build::{Report, ReportError, build, write};
pub use result::{RunResult, RunVerdict, result_schema};
