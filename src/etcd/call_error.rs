//! A request without a result.

use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::Answer;

use super::errors::{self, Cause};

/// etcd refused a request, or its answer was lost. For a read the two are the same: nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CallError {
    /// Name of the gRPC code.
    pub code: String,
    /// The message of the error.
    pub message: String,
}

impl CallError {
    /// The answer to a request that writes nothing.
    ///
    /// # Errors
    /// When it was refused, or not answered.
    pub fn answer(outcome: CallOutcome) -> Result<Answer, Self> {
        match outcome {
            CallOutcome::Ok(answer) => Ok(answer),
            CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => Err(Self { code, message }),
        }
    }

    /// Its cause, for the errors that the program tells apart.
    pub fn cause(&self) -> Option<Cause> {
        errors::cause(&self.code, &self.message)
    }
}
