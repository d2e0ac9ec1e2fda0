//! Names for the things that are counted: revisions, moments, members, orders.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A revision of etcd's key space. Every write transaction has one, and they are contiguous.
pub type Revision = i64;

/// Nanoseconds since the run began, on one monotonic clock.
pub type Nanos = u64;

/// A span of time in nanoseconds; the longest possible when it is longer.
pub fn nanos(span: std::time::Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX)
}

/// A moment of the run in seconds, for a person to read.
pub fn seconds(at: Nanos) -> f64 {
    at as f64 / 1e9
}

/// The position of a member in the run's list of members, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[cbor(transparent)]
pub struct MemberIndex(#[n(0)] pub u8);

impl MemberIndex {
    /// The position as an index into the list of members.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The name every backend gives the member: `m1` is the first.
    pub fn name(self) -> String {
        format!("m{}", u32::from(self.0) + 1)
    }
}

/// An order within a run: the buyer who placed it, and its sequence number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
pub struct OrderKey {
    /// The buyer's number, from 0.
    #[n(0)]
    pub buyer: u32,
    /// The buyer's own count, from 1.
    #[n(1)]
    pub sequence: u32,
}

/// The unique id of an order, `run-buyer-sequence`. It stays the same over all attempts, and it is never random: an id
/// seen in the data tells which run and which buyer wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId {
    /// The run's tag: letters and digits.
    pub run: Box<str>,
    /// The order within the run.
    pub key: OrderKey,
}

impl fmt::Display for OrderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", self.run, self.key.buyer, self.key.sequence)
    }
}

/// The text is not an order id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an order id (run-buyer-sequence)")]
pub struct NotAnOrderId(String);

impl FromStr for OrderId {
    type Err = NotAnOrderId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (rest, sequence) = text.rsplit_once('-')?;
            let (run, buyer) = rest.rsplit_once('-')?;
            let valid = !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_alphanumeric());
            valid.then_some(())?;
            Some(Self { run: run.into(), key: OrderKey { buyer: buyer.parse().ok()?, sequence: sequence.parse().ok()? } })
        };
        parse().ok_or_else(|| NotAnOrderId(text.to_owned()))
    }
}
