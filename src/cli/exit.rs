//! Exit codes, and failures.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use crate::printable;
use crate::run::RunError;
use crate::scenario::ScenarioError;
use crate::testbed::TestbedError;

/// The exit of a command that completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: pass, or done.
    Pass,
    /// 1: a safety violation.
    Violation,
    /// 1, of `buy`: nothing was bought.
    NotSold,
    /// 2: unknown: not enough evidence for a verdict; of `buy`: the outcome is unknown.
    Unknown,
    /// 3: correct, but an objective was missed.
    ObjectiveMissed,
    /// 4: the run is invalid: load not offered, fault not applied, never healthy.
    Invalid,
    /// 5: not the verdict that `--expect` names.
    Unexpected,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Violation | Self::NotSold => 1,
            Self::Unknown => 2,
            Self::ObjectiveMissed => 3,
            Self::Invalid => 4,
            Self::Unexpected => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed. The text names what failed, on what, why, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// 64: the command line or a file of the user is invalid.
    #[error("{0}")]
    Usage(String),
    /// 64: the scenario is invalid; shown with the place.
    #[error(transparent)]
    Scenario(Box<ScenarioError>),
    /// 6: the command could not be carried out: something it needs is missing or cannot be written.
    #[error("{0}")]
    NotCarriedOut(String),
    /// 70: an internal error.
    #[error("internal error (please report it): {0}")]
    Internal(String),
}

/// Does the work of a command. A panic in it is an internal error, as any other.
///
/// # Errors
/// As those of the work.
pub fn guarded(work: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    // Nothing that the work changed is looked at afterwards.
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Failure::Internal(format!("panicked: {}", text.unwrap_or("no message"))))
    })
}

impl Failure {
    /// The process exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Scenario(_) => 64,
            Self::NotCarriedOut(_) => 6,
            Self::Internal(_) => 70,
        }
    }

    /// The text for standard error, safe to print; with colours where they belong.
    pub fn for_stderr(&self) -> String {
        match self {
            // It cleans what others wrote before it colours it.
            Self::Scenario(error) => error.render_for_stderr(),
            failure => printable::lines(&failure.to_string()).into_owned(),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Directory(_) | RunError::Unavailable(_) => Self::Usage(error.to_string()),
            RunError::Testbed(error) => error.into(),
            RunError::NotCarriedOut(text) => Self::NotCarriedOut(text),
            RunError::Internal(text) => Self::Internal(text),
        }
    }
}

impl From<TestbedError> for Failure {
    fn from(error: TestbedError) -> Self {
        match error {
            TestbedError::Release(error) => error.into(),
            error => Self::NotCarriedOut(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error_that_asks_for_a_report() {
        let failure = guarded(|| panic!("number {}", 7)).unwrap_err();
        assert_eq!(failure.code(), 70);
        assert_eq!(failure.to_string(), "internal error (please report it): panicked: number 7");
        assert_eq!(guarded(|| Ok(Exit::Unknown)).unwrap(), Exit::Unknown);
    }
}
