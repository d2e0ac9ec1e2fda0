//! What people and programs see of a run. Everything is derived from the run directory: once recorded, always reproducible.

pub mod bottleneck;
pub mod build;
pub mod comparison;
pub mod decide;
mod explanations;
pub mod export;
pub mod fairness;
pub mod flaws;
mod headline;
mod html;
pub mod index;
pub mod latency;
mod markdown_text;
pub mod matrix;
pub mod numbers;
pub mod objectives;
mod provenance;
mod reporters;
pub mod resources;
pub mod result;
pub mod series;
pub mod statistics;
pub mod summary;
pub mod surroundings;
pub mod synthetic;
pub mod waivers;
pub mod windows;

pub use build::{Report, ReportError, build};
pub use matrix::matrix_schema;
pub use reporters::{PAGE, markdown, write};
pub use result::{RunResult, RunVerdict, for_people, result_schema};
