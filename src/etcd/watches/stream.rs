//! One stream to one member, on a connection of its own. It forwards commands and responses, and knows no watch.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{WatchRequestSender, WatchResponse, WatchResponseStream};
use ticketcd_judge::history::watch::{WatchBody, WatchEnd, WatchOptions};
use ticketcd_judge::history::{Blob, Nanos, Revision};
use tokio::sync::mpsc;

use super::super::client::{Client, MESSAGE_BYTES_MAX};
use super::super::connection;
use super::super::watch::contents;
use crate::record::Sink;

/// Longest time for a stream to be set up.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// A command to a stream.
pub(super) enum StreamCommand {
    /// A new watch, with the id it is to have.
    Create { id: i64, key: Blob, range_end: Blob, start_revision: Revision, options: WatchOptions },
    /// The end of a watch.
    Cancel(i64),
    /// How far all watches of the stream are.
    Progress,
}

/// An event of a stream.
pub(super) struct StreamEvent {
    /// Which stream.
    pub(super) stream: u32,
    /// When it happened.
    pub(super) at: Nanos,
    /// What happened.
    pub(super) kind: StreamEventKind,
}

/// How far a stream's task has read, for other tasks.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Messages forwarded so far; each is counted before it is sent.
    forwarded: AtomicU64,
    /// Whether nothing more had arrived when it last looked.
    is_waiting: AtomicBool,
}

impl Reading {
    /// Whether the stream has nothing left to read, and exactly `taken` messages were forwarded.
    pub(super) fn is_waiting_after(&self, taken: u64) -> bool {
        self.is_waiting.load(Ordering::Acquire) && self.forwarded.load(Ordering::Acquire) == taken
    }
}

pub(super) enum StreamEventKind {
    /// A message: for which watch (-1 for all of them), with its header's revision.
    Message { id: i64, revision: Revision, body: WatchBody },
    /// The stream is broken, and why. Nothing more will come.
    Broken(WatchEnd),
}

/// Forwards until the stream breaks or the manager is gone.
pub(super) async fn forward(
    number: u32,
    client: Client,
    mut commands: mpsc::UnboundedReceiver<StreamCommand>,
    events: mpsc::Sender<StreamEvent>,
    reading: Arc<Reading>,
    sink: Sink,
) {
    let reason = match tokio::time::timeout(OPEN_TIMEOUT, open(&client, &mut commands)).await {
        Ok(Ok(Some((sender, responses)))) => {
            // Concurrently: a member that does not read must not block our reading.
            tokio::select! {
                reason = send(sender, commands) => reason,
                reason = receive(number, responses, &events, &reading, &sink) => Some(reason),
            }
        }
        Ok(Ok(None)) => None,
        Ok(Err(reason)) => Some(reason),
        Err(_) => Some(WatchEnd::NotOpened),
    };
    if let Some(reason) = reason {
        // Without a manager the event has no receiver.
        let _ = events.send(StreamEvent { stream: number, at: sink.now(), kind: StreamEventKind::Broken(reason) }).await;
    }
}

/// Opens a stream with its first watch; `None` when none is requested.
async fn open(
    client: &Client,
    commands: &mut mpsc::UnboundedReceiver<StreamCommand>,
) -> Result<Option<(WatchRequestSender, WatchResponseStream)>, WatchEnd> {
    let (key, options) = loop {
        match commands.recv().await {
            Some(StreamCommand::Create { id, key, range_end, start_revision, options }) => {
                break (key, create_options(id, &range_end, start_revision, options));
            }
            Some(StreamCommand::Cancel(_) | StreamCommand::Progress) => {}
            None => return Ok(None),
        }
    };
    let connection =
        connection::open(client.endpoint(), client.security()).await.map_err(|error| WatchEnd::Failed { error: error.to_string() })?;
    let mut watches = connection.watch_client().max_decoding_message_size(MESSAGE_BYTES_MAX);
    let stream = watches.watch(key.as_bytes(), Some(options)).await.map_err(|error| WatchEnd::Failed { error: error.to_string() })?;
    Ok(Some(stream.split()))
}

fn create_options(id: i64, range_end: &Blob, start_revision: Revision, wanted: WatchOptions) -> etcd_client::WatchOptions {
    let mut options =
        etcd_client::WatchOptions::new().with_watch_id(id).with_range(range_end.as_bytes()).with_start_revision(start_revision);
    if wanted.previous {
        options = options.with_prev_key();
    }
    if wanted.progress {
        options = options.with_progress_notify();
    }
    options
}

/// Sends commands. Returns why it cannot, or `None` when the manager is gone.
async fn send(mut sender: WatchRequestSender, mut commands: mpsc::UnboundedReceiver<StreamCommand>) -> Option<WatchEnd> {
    while let Some(command) = commands.recv().await {
        let sent = match command {
            StreamCommand::Create { id, key, range_end, start_revision, options } => {
                sender.watch(key.as_bytes(), Some(create_options(id, &range_end, start_revision, options))).await
            }
            StreamCommand::Cancel(id) => sender.cancel(id).await,
            StreamCommand::Progress => sender.request_progress().await,
        };
        if let Err(error) = sent {
            return Some(WatchEnd::Failed { error: error.to_string() });
        }
    }
    None
}

/// Forwards responses. Returns why the stream ended.
async fn receive(
    number: u32,
    mut responses: WatchResponseStream,
    events: &mpsc::Sender<StreamEvent>,
    reading: &Reading,
    sink: &Sink,
) -> WatchEnd {
    loop {
        let response = match next(&mut responses, reading).await {
            Ok(Some(response)) => response,
            Ok(None) => return WatchEnd::EndedByMember,
            Err(error) => return WatchEnd::Failed { error: error.to_string() },
        };
        let (revision, body) = match contents(&response) {
            Ok(contents) => contents,
            Err(malformed) => return malformed.into(),
        };
        let kind = StreamEventKind::Message { id: response.watch_id(), revision, body };
        reading.forwarded.fetch_add(1, Ordering::AcqRel);
        if events.send(StreamEvent { stream: number, at: sink.now(), kind }).await.is_err() {
            // The watches are closed already.
            return WatchEnd::Closed;
        }
    }
}

/// The next response; while none has arrived the stream counts as waiting.
async fn next(responses: &mut WatchResponseStream, reading: &Reading) -> Result<Option<WatchResponse>, etcd_client::Error> {
    let mut message = pin!(responses.message());
    let arrived = poll_fn(|context| {
        let polled = message.as_mut().poll(context);
        reading.is_waiting.store(polled.is_pending(), Ordering::Release);
        polled
    });
    arrived.await
}
