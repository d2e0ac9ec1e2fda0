//! Watches: one family of events for all of them. Several watches may share a stream to one member.
//!
//! A collector watches the whole key space of one member and is evidence; a client's watch is under judgement and is never
//! evidence in its own case.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::decoding::{DecodeContext, decode_enum, decode_struct};
use crate::request::KeyValue;
use crate::{Blob, MemberIndex, Nanos, Revision};

/// A watch is about to be requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(context_bound = "DecodeContext")]
pub struct WatchOpened {
    /// The subscription's number within the run: of one watch on one stream.
    #[n(0)]
    pub subscription: u32,
    /// The stream it shares with others. A stream that breaks ends; a new one has a new number.
    #[n(1)]
    pub stream: u32,
    /// The member the stream goes to.
    #[n(2)]
    pub member: MemberIndex,
    /// What it is for.
    #[n(3)]
    pub role: WatchRole,
    /// First key.
    #[n(4)]
    pub key: Blob,
    /// First key behind the range; empty for a single key; the byte 0 for "to the end".
    #[n(5)]
    pub range_end: Blob,
    /// The revision it starts from; 0 for "now".
    #[n(6)]
    pub start_revision: Revision,
    /// The subscription that it resumes, after that one's stream broke: it starts behind what that one received.
    #[n(7)]
    pub resumes: Option<u32>,
    /// Its options.
    #[n(8)]
    pub options: WatchOptions,
    /// When.
    #[n(9)]
    pub at: Nanos,
}

/// What a watch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum WatchRole {
    /// It collects the whole key space of one member, as evidence.
    #[n(0)]
    Collector,
    /// A client's own, under judgement.
    #[n(1)]
    Client,
}

/// The options of a watch: the fields of etcd's `WatchCreateRequest`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct WatchOptions {
    /// Previous values.
    #[n(0)]
    pub previous: bool,
    /// Progress notifications from time to time.
    #[n(1)]
    pub progress: bool,
    /// Large responses in fragments.
    #[n(2)]
    pub fragment: bool,
    /// No events of puts.
    #[n(3)]
    pub no_put: bool,
    /// No events of deletions.
    #[n(4)]
    pub no_delete: bool,
}

/// One message of a watch. A fragmented response is recorded as one message once it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct WatchBatch {
    /// Which subscription.
    #[n(0)]
    pub subscription: u32,
    /// When it arrived.
    #[n(1)]
    pub at: Nanos,
    /// The header's revision.
    #[n(2)]
    pub revision: Revision,
    /// Its content.
    #[n(3)]
    pub body: WatchBody,
}

/// The content of a message of a watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[serde(rename_all = "snake_case")]
#[cbor(context_bound = "DecodeContext")]
pub enum WatchBody {
    /// The watch is set up.
    #[n(0)]
    Created,
    /// Events, in order.
    #[n(1)]
    Events(#[n(0)] Vec<WatchEvent>),
    /// Nothing new up to the header's revision: a bookmark.
    #[n(2)]
    Progress,
    /// The member ended the watch.
    #[n(3)]
    Cancelled {
        /// Set when the start lies below the compaction.
        #[n(0)]
        compact_revision: Revision,
        /// etcd's `cancel_reason`.
        #[n(1)]
        reason: String,
    },
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Encode)]
#[cbor(context_bound = "DecodeContext")]
pub struct WatchEvent {
    /// Whether the key was deleted; then only `kv.key` and `kv.mod_revision` are set.
    #[n(0)]
    pub deleted: bool,
    /// The key as it is now.
    #[n(1)]
    pub kv: KeyValue,
    /// The key as it was before, when that was requested and delivered. Rare, and large: kept apart.
    #[n(2)]
    pub previous: Option<Box<KeyValue>>,
}

decode_struct!(WatchBatch { subscription: unsigned_32, at: unsigned, revision: signed, body: any });
decode_enum!(WatchBody { 0 => Created(), 1 => Events(list), 2 => Progress(), 3 => Cancelled { compact_revision: signed, reason: any } });
decode_struct!(WatchEvent { deleted: flag, kv: any; previous: present });

/// A watch ended on our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct WatchClosed {
    /// Which subscription.
    #[n(0)]
    pub subscription: u32,
    /// When.
    #[n(1)]
    pub at: Nanos,
    /// Everything that had arrived on its stream by then was read and is recorded before this event. A member is not late
    /// with what waits unread on our side, so patience with it ends here and not at `at`.
    #[n(2)]
    pub read_until: Nanos,
    /// Why.
    #[n(3)]
    pub end: WatchEnd,
}

/// Why a watch ended on our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum WatchEnd {
    /// Its owner closed it.
    #[n(0)]
    Closed,
    /// The member cancelled it.
    #[n(1)]
    Cancelled,
    /// Its stream could not be set up in time.
    #[n(2)]
    NotOpened,
    /// Its stream was silent for too long.
    #[n(3)]
    Silent,
    /// The member ended its stream.
    #[n(4)]
    EndedByMember,
    /// Its stream failed.
    #[n(5)]
    Failed {
        /// The error, as the client library words it.
        #[n(0)]
        error: String,
    },
}

/// Progress was requested on a stream, for all of its watches together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct ProgressRequested {
    /// Which stream.
    #[n(0)]
    pub stream: u32,
    /// When.
    #[n(1)]
    pub at: Nanos,
}

/// A progress notification for all watches of a stream together: each has received everything up to the revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct StreamProgress {
    /// Which stream.
    #[n(0)]
    pub stream: u32,
    /// When it arrived.
    #[n(1)]
    pub at: Nanos,
    /// The header's revision.
    #[n(2)]
    pub revision: Revision,
}

impl WatchEvent {
    /// A put or a deletion without a previous value.
    pub fn new(deleted: bool, kv: KeyValue) -> Self {
        Self { deleted, kv, previous: None }
    }
}

impl WatchBatch {
    /// Bytes of keys and values in one recorded message, about: etcd sends a watch that starts far back everything at once, and
    /// the whole of it can be more than a frame holds.
    const BYTES_MAX: usize = 8 << 20;

    /// The message in parts that can be recorded: in order, and no revision in two of them. One part nearly always.
    pub fn into_parts(self) -> Vec<Self> {
        let bytes = |kv: &KeyValue| kv.key.len() + kv.value.len();
        let of_event = |event: &WatchEvent| bytes(&event.kv) + event.previous.as_deref().map_or(0, bytes);
        let events = match self.body {
            WatchBody::Events(events) if events.iter().map(of_event).sum::<usize>() > Self::BYTES_MAX => events,
            body => return vec![Self { body, ..self }],
        };
        let mut parts: Vec<Vec<WatchEvent>> = Vec::new();
        let (mut full, mut last) = (true, None);
        let mut taken = 0;
        for event in events {
            let revision = Some(event.kv.mod_revision);
            full |= taken >= Self::BYTES_MAX;
            if full && revision != last {
                parts.push(Vec::new());
                (full, taken) = (false, 0);
            }
            taken += of_event(&event);
            last = revision;
            if let Some(part) = parts.last_mut() {
                part.push(event);
            }
        }
        let part = |events| Self { subscription: self.subscription, at: self.at, revision: self.revision, body: WatchBody::Events(events) };
        parts.into_iter().map(part).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_larger_than_a_frame_is_recorded_in_parts() {
        let value: Blob = vec![7; 1 << 20].into();
        // Two events a revision, 1 MiB each.
        let event = |number: i64| {
            let kv = KeyValue { key: number.to_string().into(), value: value.clone(), mod_revision: number / 2, ..KeyValue::default() };
            WatchEvent::new(false, kv)
        };
        let batch = |count| {
            let body = WatchBody::Events((0..count).map(event).collect());
            WatchBatch { subscription: 1, at: 2, revision: 99, body }
        };
        assert_eq!(batch(7).into_parts(), [batch(7)]);
        let parts = batch(100).into_parts();
        assert!((10..=13).contains(&parts.len()), "{}", parts.len());
        let mut last = -1;
        let mut all = Vec::new();
        for part in parts {
            assert_eq!((part.subscription, part.at, part.revision), (1, 2, 99));
            let WatchBody::Events(events) = part.body else { panic!("{:?}", part.body) };
            assert!(events[0].kv.mod_revision > last, "revision {last} is in two parts");
            last = events.last().unwrap().kv.mod_revision;
            all.extend(events);
        }
        assert_eq!(WatchBody::Events(all), batch(100).body);
    }
}
