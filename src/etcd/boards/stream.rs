//! One stream to one member, on a connection of its own. It passes on what is asked and what is said, and knows no board.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{WatchRequestSender, WatchResponse, WatchResponseStream};
use ticketcd_judge::history::watch::{WatchBody, WatchEnd, WatchOptions};
use ticketcd_judge::model::{Blob, Nanos, Revision};
use tokio::sync::mpsc;

use super::super::client::{Client, MESSAGE_BYTES_MAX};
use super::super::connection;
use super::super::watch::body;
use crate::record::Sink;

/// Longest time for a stream to be set up.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// What a stream is asked to send.
pub(super) enum Ask {
    /// A new watch, with the id it is to have.
    Create { id: i64, key: Blob, range_end: Blob, start_revision: Revision, options: WatchOptions },
    /// The end of a watch.
    Cancel(i64),
    /// How far all watches of the stream are.
    Progress,
}

/// What comes from a stream.
pub(super) struct News {
    /// Which stream.
    pub(super) stream: u32,
    /// When.
    pub(super) at: Nanos,
    /// What.
    pub(super) what: What,
}

/// How far a stream's task is with reading, seen from outside.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Messages passed on so far, counted before each is.
    passed_on: AtomicU64,
    /// Whether nothing more had arrived when it last looked.
    is_waiting: AtomicBool,
}

impl Reading {
    /// Whether the stream has nothing left to read, and no more than these messages were passed on.
    pub(super) fn is_waiting_after(&self, taken: u64) -> bool {
        self.is_waiting.load(Ordering::Acquire) && self.passed_on.load(Ordering::Acquire) == taken
    }
}

pub(super) enum What {
    /// A message: for which watch (-1 for all of them), with its header's revision.
    Message { id: i64, revision: Revision, body: WatchBody },
    /// The stream is broken, and why. Nothing more will come.
    Broken(WatchEnd),
}

/// Passes on until the stream breaks or nobody asks any more.
pub(super) async fn pass_on(
    number: u32,
    client: Client,
    mut asked: mpsc::UnboundedReceiver<Ask>,
    news: mpsc::Sender<News>,
    reading: Arc<Reading>,
    sink: Sink,
) {
    let reason = match tokio::time::timeout(OPEN_TIMEOUT, open(&client, &mut asked)).await {
        Ok(Ok(Some((sender, responses)))) => {
            // Side by side: a member that does not read must not keep us from reading.
            tokio::select! {
                reason = send(sender, asked) => reason,
                reason = receive(number, responses, &news, &reading, &sink) => Some(reason),
            }
        }
        Ok(Ok(None)) => None,
        Ok(Err(reason)) => Some(reason),
        Err(_) => Some(WatchEnd::NotOpened),
    };
    if let Some(reason) = reason {
        // A keeper that is gone needs no news.
        let _ = news.send(News { stream: number, at: sink.now(), what: What::Broken(reason) }).await;
    }
}

/// A stream is opened with its first watch; nothing without one.
async fn open(
    client: &Client,
    asked: &mut mpsc::UnboundedReceiver<Ask>,
) -> Result<Option<(WatchRequestSender, WatchResponseStream)>, WatchEnd> {
    let (key, options) = loop {
        match asked.recv().await {
            Some(Ask::Create { id, key, range_end, start_revision, options }) => {
                break (key, create_options(id, &range_end, start_revision, options));
            }
            Some(Ask::Cancel(_) | Ask::Progress) => {}
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

/// Sends what is asked, and says why it cannot; none when nobody asks any more.
async fn send(mut sender: WatchRequestSender, mut asked: mpsc::UnboundedReceiver<Ask>) -> Option<WatchEnd> {
    while let Some(ask) = asked.recv().await {
        let sent = match ask {
            Ask::Create { id, key, range_end, start_revision, options } => {
                sender.watch(key.as_bytes(), Some(create_options(id, &range_end, start_revision, options))).await
            }
            Ask::Cancel(id) => sender.cancel(id).await,
            Ask::Progress => sender.request_progress().await,
        };
        if let Err(error) = sent {
            return Some(WatchEnd::Failed { error: error.to_string() });
        }
    }
    None
}

/// Passes on what is said, and says why nothing more comes.
async fn receive(number: u32, mut responses: WatchResponseStream, news: &mpsc::Sender<News>, reading: &Reading, sink: &Sink) -> WatchEnd {
    loop {
        let response = match next(&mut responses, reading).await {
            Ok(Some(response)) => response,
            Ok(None) => return WatchEnd::EndedByMember,
            Err(error) => return WatchEnd::Failed { error: error.to_string() },
        };
        let revision = response.header().map_or(0, etcd_client::ResponseHeader::revision);
        let what = What::Message { id: response.watch_id(), revision, body: body(&response) };
        reading.passed_on.fetch_add(1, Ordering::AcqRel);
        if news.send(News { stream: number, at: sink.now(), what }).await.is_err() {
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
