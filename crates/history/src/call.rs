//! Calls: a request, when it was sent, and what came back.

use serde::{Deserialize, Serialize};

use crate::annotation::Purpose;
use crate::request::{Answer, Request};
use crate::{MemberIndex, Nanos, OrderKey};

/// A call within a run: the worker that made it, and its sequence number there, from 1. A worker is one task:
/// its calls follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId {
    /// The worker's number.
    pub worker: u32,
    /// The worker's own count, from 1, without gaps.
    pub sequence: u32,
}

/// A request, recorded before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    /// Which call.
    pub id: CallId,
    /// The member it is sent to.
    pub member: MemberIndex,
    /// When it is sent.
    pub sent: Nanos,
    /// An annotation: what for.
    pub purpose: Purpose,
    /// An annotation: the orders it would carry out. None for a read, several for a batch.
    pub orders: Vec<OrderKey>,
    /// The request.
    pub request: Request,
}

/// What came back, or that nothing did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Which call.
    pub id: CallId,
    /// When it came back, or was given up.
    pub done: Nanos,
    /// What came back.
    pub outcome: CallOutcome,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallOutcome {
    /// Answered.
    Ok(Answer),
    /// Refused, and by the table of errors nothing was written. The ledger checks that on every member all the same.
    Refused {
        /// Name of the gRPC code.
        code: String,
        /// What the error says.
        message: String,
    },
    /// It may or may not have happened.
    Unknown {
        /// Name of the gRPC code.
        code: String,
        /// What the error says.
        message: String,
    },
}
