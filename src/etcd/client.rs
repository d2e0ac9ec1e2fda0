//! The client of one member. It neither retries nor fails over: what it returns is what that member said.

use std::time::Duration;

use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::MemberStatus;
use ticketcd_judge::history::request::Request;

use super::endpoint::{Endpoint, Security};

/// A client of one member. Cloning shares its connection. Connecting is lazy: the first call fails when nobody is there.
#[derive(Clone)]
pub struct Client {}

/// A client could not be made, or a call that is not part of the record failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Placeholder until the room is furnished.
    #[error("{0}")]
    Call(String),
}

impl Client {
    /// A client of the member at `endpoint`, over `channels` connections that calls take in turn.
    ///
    /// # Errors
    /// When a certificate cannot be read or the endpoint is malformed.
    pub async fn connect(_endpoint: &Endpoint, _security: &Security, _channels: u8) -> Result<Self, ClientError> {
        todo!()
    }

    /// Sends a request and says what came back. Errors are classed by the one table of errors.
    pub async fn call(&self, _request: &Request, _timeout: Duration) -> CallOutcome {
        todo!()
    }

    /// Asks the member how it is.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn status(&self, _timeout: Duration) -> Result<MemberStatus, ClientError> {
        todo!()
    }
}
