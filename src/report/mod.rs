//! What people and programs see of a run. Everything is derived from the run directory: once recorded, always reproducible.

pub mod build;
pub mod decide;
pub mod fairness;
pub mod flaws;
mod headline;
pub mod latency;
pub mod limits;
pub mod made_up;
pub mod matrix;
pub mod numbers;
pub mod objectives;
mod provenance;
pub mod resources;
pub mod result;
pub mod statistics;
mod stories;
pub mod summary;
pub mod waivers;
pub mod windows;
pub mod wrap;

pub use build::{Report, ReportError, build, write};
pub use matrix::matrix_schema;
pub use result::{RunResult, RunVerdict, result_schema};
