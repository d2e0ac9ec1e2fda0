//! A watch of one member, on a connection of its own: the load does not delay it, and a dead connection dies with it.

use etcd_client::{EventType, WatchOptions, WatchRequestSender, WatchResponse, WatchResponseStream};
use ticketcd_judge::history::request::KeyValue;
use ticketcd_judge::history::watch::{WatchBody, WatchEnd, WatchEvent};
use ticketcd_judge::history::{Blob, Revision};

use super::client::{Client, MESSAGE_BYTES_MAX};
use super::client_error::ClientError;
use super::connection;
use super::wire::{self, Malformed};

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRange {
    /// First key.
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    pub range_end: Blob,
    /// The revision to start from; 0 for "now".
    pub start_revision: Revision,
}

impl WatchRange {
    /// The whole key space.
    pub fn everything(start_revision: Revision) -> Self {
        let zero = Blob::from(&[0u8][..]);
        Self { key: zero.clone(), range_end: zero, start_revision }
    }
}

/// An open watch.
pub struct Watch {
    sender: WatchRequestSender,
    responses: WatchResponseStream,
}

impl Watch {
    /// Asks the client's member for a watch. A message is never cut in pieces, so that a revision arrives whole.
    ///
    /// # Errors
    /// When the member cannot be reached or refuses. It may take for ever: the caller sets the bound.
    pub async fn open(client: &Client, range: &WatchRange) -> Result<Self, ClientError> {
        let connection = connection::open(client.endpoint(), client.security()).await?;
        let options = WatchOptions::new().with_range(range.range_end.as_bytes()).with_start_revision(range.start_revision);
        let mut watch = connection.watch_client().max_decoding_message_size(MESSAGE_BYTES_MAX);
        let stream = watch.watch(range.key.as_bytes(), Some(options)).await;
        let (sender, responses) = stream.map_err(|error| ClientError::from_etcd(client.endpoint(), &error))?.split();
        Ok(Self { sender, responses })
    }

    /// Asks for a bookmark, which comes as a message. A member that has not caught up may not answer.
    ///
    /// # Errors
    /// When the stream is broken.
    pub async fn request_progress(&mut self) -> Result<(), WatchEnd> {
        self.sender.request_progress().await.map_err(|error| WatchEnd::Failed { error: error.to_string() })
    }

    /// The next message: the revision in its header, and its content. Cancel safe.
    ///
    /// # Errors
    /// When the stream is broken or has ended.
    pub async fn message(&mut self) -> Result<(Revision, WatchBody), WatchEnd> {
        match self.responses.message().await {
            Ok(Some(response)) => contents(&response).map_err(WatchEnd::from),
            Ok(None) => Err(WatchEnd::EndedByMember),
            Err(error) => Err(WatchEnd::Failed { error: error.to_string() }),
        }
    }
}

impl From<Malformed> for WatchEnd {
    fn from(malformed: Malformed) -> Self {
        Self::Failed { error: malformed.to_string() }
    }
}

/// The revision in the header of a response, and its content.
///
/// # Errors
/// When it is not a response of etcd.
pub(super) fn contents(response: &WatchResponse) -> Result<(Revision, WatchBody), Malformed> {
    let header = response.header().ok_or(Malformed::NO_HEADER)?;
    Ok((header.revision(), body(response)?))
}

fn body(response: &WatchResponse) -> Result<WatchBody, Malformed> {
    // A watch that starts below the compaction receives one response that is both "created" and "cancelled".
    Ok(if response.canceled() {
        let reason = response.cancel_reason().to_owned();
        WatchBody::Cancelled { compact_revision: response.compact_revision(), reason }
    } else if response.created() {
        WatchBody::Created
    } else if response.events().is_empty() {
        WatchBody::Progress
    } else {
        WatchBody::Events(response.events().iter().map(event).collect::<Result<_, _>>()?)
    })
}

fn event(event: &etcd_client::Event) -> Result<WatchEvent, Malformed> {
    let kv = wire::key_value(event.kv().ok_or(Malformed::NO_KEY)?);
    let previous = event.prev_kv().map(|kv| Box::new(wire::key_value(kv)));
    Ok(match event.event_type() {
        EventType::Put => WatchEvent { deleted: false, kv, previous },
        EventType::Delete => {
            let kv = KeyValue { key: kv.key, mod_revision: kv.mod_revision, ..KeyValue::default() };
            WatchEvent { deleted: true, kv, previous }
        }
    })
}
