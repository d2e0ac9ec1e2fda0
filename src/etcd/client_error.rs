//! Why a client could not be made, or a call that is not part of the record failed.

use std::time::Duration;

use super::endpoint::Endpoint;
use super::errors;

/// A client could not be made, or a call that is not part of the record failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint cannot be used as it is written.
    #[error("cannot use the endpoint {endpoint}: {reason}")]
    Malformed {
        /// Which.
        endpoint: Endpoint,
        /// Why.
        reason: String,
    },
    /// A certificate or key cannot be used.
    #[error("{what}")]
    Credentials {
        /// Which file, and why.
        what: String,
    },
    /// The member answered with an error, or could not be reached.
    #[error("{endpoint} returned {code}: {message}")]
    Call {
        /// The endpoint.
        endpoint: Endpoint,
        /// Name of the gRPC code.
        code: String,
        /// The message.
        message: String,
    },
    /// The member did not answer in time.
    #[error("{endpoint} did not respond within {} ms", after.as_millis())]
    Timeout {
        /// The endpoint.
        endpoint: Endpoint,
        /// The time limit.
        after: Duration,
    },
}

impl ClientError {
    pub(super) fn from_etcd(endpoint: &Endpoint, error: &etcd_client::Error) -> Self {
        let (code, message) = errors::describe(error);
        Self::Call { endpoint: endpoint.clone(), code, message }
    }
}
