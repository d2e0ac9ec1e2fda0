//! Calls: a request, when it was sent, and what came back.

use minicbor::Encode;
use serde::{Deserialize, Serialize};

use crate::annotation::Purpose;
use crate::decoding::{DecodeContext, decode_enum, decode_struct};
use crate::request::{Answer, Request};
use crate::{MemberIndex, Nanos, OrderKey};

/// A call within a run: the worker that made it, and its sequence number there, from 1. A worker is one task:
/// its calls follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode)]
pub struct CallId {
    /// The worker's number.
    #[n(0)]
    pub worker: u32,
    /// The worker's own count, from 1, without gaps.
    #[n(1)]
    pub sequence: u32,
}

/// A request, recorded before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Invoke {
    /// Which call.
    #[n(0)]
    pub id: CallId,
    /// The member it is sent to.
    #[n(1)]
    pub member: MemberIndex,
    /// When it is sent.
    #[n(2)]
    pub sent: Nanos,
    /// An annotation: what for.
    #[n(3)]
    pub purpose: Purpose,
    /// An annotation: the orders it would carry out. None for a read, several for a batch.
    #[n(4)]
    pub orders: Vec<OrderKey>,
    /// The request.
    #[n(5)]
    pub request: Request,
}

/// What came back, or that nothing did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct Return {
    /// Which call.
    #[n(0)]
    pub id: CallId,
    /// When it came back, or was given up.
    #[n(1)]
    pub done: Nanos,
    /// What came back.
    #[n(2)]
    pub outcome: CallOutcome,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub enum CallOutcome {
    /// Answered.
    #[n(0)]
    Ok(#[n(0)] Answer),
    /// Refused, and by the table of errors nothing was written. The ledger checks that on every member all the same.
    #[n(1)]
    Refused {
        /// Name of the gRPC code.
        #[n(0)]
        code: String,
        /// Its message.
        #[n(1)]
        message: String,
    },
    /// It may or may not have happened.
    #[n(2)]
    Unknown {
        /// Name of the gRPC code.
        #[n(0)]
        code: String,
        /// Its message.
        #[n(1)]
        message: String,
    },
}

decode_struct!(CallId { worker: unsigned_32, sequence: unsigned_32 });
decode_struct!(Invoke { id: any, member: any, sent: unsigned, purpose: any, orders: list, request: any });
decode_struct!(Return { id: any, done: unsigned, outcome: any });
decode_enum!(CallOutcome { 0 => Ok(any), 1 => Refused { code: any, message: any }, 2 => Unknown { code: any, message: any } });
