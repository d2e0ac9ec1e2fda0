//! Stock boards: a client's own watches, which are judged. Many of them share one stream to one member.
//!
//! Collectors, the watches that are evidence, are recorded apart ([`WatchOpened`](super::event::WatchOpened)): no board is
//! evidence in its own case.

use serde::{Deserialize, Serialize};

use super::request::KeyValue;
use crate::model::{Blob, MemberIndex, Nanos, Revision};

/// A board was opened: a watch on a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardOpened {
    /// The subscription's number within the run.
    pub subscription: u32,
    /// The stream it shares with others. A stream that breaks ends; a new one has a new number.
    pub stream: u32,
    /// The member the stream goes to.
    pub member: MemberIndex,
    /// First key.
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    pub range_end: Blob,
    /// The revision it starts from; 0 for "now".
    pub start_revision: Revision,
    /// The subscription that this one resumes, after its stream broke; it starts behind what that one was told.
    pub resumes: Option<u32>,
    /// Whether it asked for previous values.
    pub previous: bool,
    /// Whether it asked for progress notifications from time to time.
    pub progress: bool,
    /// When.
    pub at: Nanos,
}

/// One message for a board. A fragmented response is recorded as one message once it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardBatch {
    /// Which subscription.
    pub subscription: u32,
    /// When it arrived.
    pub at: Nanos,
    /// The header's revision.
    pub revision: Revision,
    /// What it says.
    pub body: BoardBody,
}

/// What a message for a board says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoardBody {
    /// The watch is set up.
    Created,
    /// Events, in order.
    Events(Vec<BoardEvent>),
    /// Nothing new up to the header's revision: a bookmark.
    Progress,
    /// The member ended the watch.
    Cancelled {
        /// Set when the start lies below the compaction.
        compact_revision: Revision,
        /// Why, if it says so.
        reason: String,
    },
}

/// A change of one key, as a board was told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardEvent {
    /// Whether the key was deleted; then only `kv.key` and `kv.mod_revision` say something.
    pub deleted: bool,
    /// The key as it is now.
    pub kv: KeyValue,
    /// The key as it was before, when that was asked for and told.
    pub previous: Option<KeyValue>,
}

/// A board ended on our side: closed by its owner, or its stream broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardClosed {
    /// Which subscription.
    pub subscription: u32,
    /// When.
    pub at: Nanos,
    /// Everything that had arrived on its stream by then was read and is recorded before this event. A member is not late
    /// with what waits unread on our side, so patience with it ends here and not at `at`.
    pub read_until: Nanos,
    /// Whether its owner closed it; else its stream broke.
    pub intended: bool,
    /// Why, in words.
    pub reason: String,
}

/// Progress was asked for, for all boards of a stream together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressAsked {
    /// Which stream.
    pub stream: u32,
    /// When.
    pub at: Nanos,
}

/// A progress notification for all boards of a stream together: each has been told everything up to the revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamProgress {
    /// Which stream.
    pub stream: u32,
    /// When it arrived.
    pub at: Nanos,
    /// The header's revision.
    pub revision: Revision,
}
