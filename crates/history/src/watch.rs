//! Watches: one family of events for all of them. Several watches may share a stream to one member.
//!
//! A collector watches the whole key space of one member and is evidence; a client's watch is under judgement and is never
//! evidence in its own case.

use serde::{Deserialize, Serialize};

use crate::request::KeyValue;
use crate::{Blob, MemberIndex, Nanos, Revision};

/// A watch is about to be requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchOpened {
    /// The subscription's number within the run: of one watch on one stream.
    pub subscription: u32,
    /// The stream it shares with others. A stream that breaks ends; a new one has a new number.
    pub stream: u32,
    /// The member the stream goes to.
    pub member: MemberIndex,
    /// What it is for.
    pub role: WatchRole,
    /// First key.
    pub key: Blob,
    /// First key behind the range; empty for a single key; the byte 0 for "to the end".
    pub range_end: Blob,
    /// The revision it starts from; 0 for "now".
    pub start_revision: Revision,
    /// The subscription that it resumes, after that one's stream broke: it starts behind what that one received.
    pub resumes: Option<u32>,
    /// What it asks for beside the events.
    pub options: WatchOptions,
    /// When.
    pub at: Nanos,
}

/// What a watch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchRole {
    /// It collects the whole key space of one member, as evidence.
    Collector,
    /// A client's own, under judgement.
    Client,
}

/// What a watch asks for beside the events: the fields of etcd's `WatchCreateRequest`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchOptions {
    /// Previous values.
    pub previous: bool,
    /// Progress notifications from time to time.
    pub progress: bool,
    /// Large responses in fragments.
    pub fragment: bool,
    /// No events of puts.
    pub no_put: bool,
    /// No events of deletions.
    pub no_delete: bool,
}

/// One message of a watch. A fragmented response is recorded as one message once it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchBatch {
    /// Which subscription.
    pub subscription: u32,
    /// When it arrived.
    pub at: Nanos,
    /// The header's revision.
    pub revision: Revision,
    /// What it says.
    pub body: WatchBody,
}

/// What a message of a watch says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchBody {
    /// The watch is set up.
    Created,
    /// Events, in order.
    Events(Vec<WatchEvent>),
    /// Nothing new up to the header's revision: a bookmark.
    Progress,
    /// The member ended the watch.
    Cancelled {
        /// Set when the start lies below the compaction.
        compact_revision: Revision,
        /// etcd's `cancel_reason`.
        reason: String,
    },
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WatchEvent {
    /// Whether the key was deleted; then only `kv.key` and `kv.mod_revision` say something.
    pub deleted: bool,
    /// The key as it is now.
    pub kv: KeyValue,
    /// The key as it was before, when that was asked for and delivered. Rare, and large: kept apart.
    pub previous: Option<Box<KeyValue>>,
}

/// A watch ended on our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchClosed {
    /// Which subscription.
    pub subscription: u32,
    /// When.
    pub at: Nanos,
    /// Everything that had arrived on its stream by then was read and is recorded before this event. A member is not late
    /// with what waits unread on our side, so patience with it ends here and not at `at`.
    pub read_until: Nanos,
    /// Why.
    pub end: WatchEnd,
}

/// Why a watch ended on our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchEnd {
    /// Its owner closed it.
    Closed,
    /// The member cancelled it.
    Cancelled,
    /// Its stream could not be set up in time.
    NotOpened,
    /// Its stream was silent for too long.
    Silent,
    /// The member ended its stream.
    EndedByMember,
    /// Its stream failed.
    Failed {
        /// The error, as the client library words it.
        error: String,
    },
}

/// Progress was requested on a stream, for all of its watches together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRequested {
    /// Which stream.
    pub stream: u32,
    /// When.
    pub at: Nanos,
}

/// A progress notification for all watches of a stream together: each has received everything up to the revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamProgress {
    /// Which stream.
    pub stream: u32,
    /// When it arrived.
    pub at: Nanos,
    /// The header's revision.
    pub revision: Revision,
}

impl WatchEvent {
    /// A put or a deletion without a previous value.
    pub fn new(deleted: bool, kv: KeyValue) -> Self {
        Self { deleted, kv, previous: None }
    }
}

impl WatchClosed {
    /// Whether its owner closed it; else its stream broke or the member ended it.
    pub fn is_intended(&self) -> bool {
        self.end == WatchEnd::Closed
    }
}

impl WatchOpened {
    /// A collector of everything that a member has from a revision on, on a stream of its own with the subscription's number.
    pub fn collector(subscription: u32, member: MemberIndex, start_revision: Revision, at: Nanos) -> Self {
        // Key 0 to range end 0 is everything.
        let (key, range_end) = (Blob::from(&[0][..]), Blob::from(&[0][..]));
        let (role, options) = (WatchRole::Collector, WatchOptions::default());
        Self { subscription, stream: subscription, member, role, key, range_end, start_revision, resumes: None, options, at }
    }
}
