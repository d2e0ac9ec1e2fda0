//! Readers of histories that other tools wrote, see `docs/formats.md`. Each returns the histories of registers, or an error with
//! the position in the file.

mod builder;
mod edn;
mod error;
pub mod jepsen;
pub mod json_lines;

pub use edn::EdnProblem;
pub use error::{ImportError, Problem};

/// What a process calls on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum Function {
    /// A read.
    #[serde(rename = "read")]
    Read,
    /// A write.
    #[serde(rename = "write")]
    Write,
    /// A compare-and-set.
    #[serde(rename = "cas")]
    CompareAndSet,
}

impl Function {
    /// The function of a name.
    fn of(name: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::CompareAndSet].into_iter().find(|function| function.name() == name)
    }

    /// The name in imported files.
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::CompareAndSet => "cas",
        }
    }
}

impl std::fmt::Display for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}
