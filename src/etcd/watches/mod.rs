//! A client's own watches, which the judge checks. Many of them share one stream to one member.
//!
//! [`Watches`] starts one task, the `manager`, that owns every watch and every stream; each stream has a task of its own that
//! only forwards. So the events of a stream are recorded in the order in which they arrived.
//!
//! When a stream breaks, its watches are recorded as closed and reopened on another member, each from the revision after the
//! last one it received: nothing is skipped. Fragmented messages are never requested, because `etcd-client` does not mark
//! fragments; a revision arrives whole.

mod manager;
mod stream;
mod watcher;

use std::time::Duration;

use ticketcd_judge::history::{Blob, MemberIndex, Revision};
use tokio::sync::{mpsc, oneshot};

use super::client::Client;
use super::collector_progress::CollectorProgress;
use crate::record::Sink;
use crate::settings::types;

use manager::WatchManager;

/// A watch to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRequest {
    /// First key.
    pub key: Blob,
    /// First key after the range; empty for a single key.
    pub range_end: Blob,
    /// The first revision to deliver.
    pub start: Start,
    /// Whether previous values are requested.
    pub previous: bool,
    /// Whether the member sends periodic progress notifications.
    pub progress: bool,
}

/// The revision a watch starts from. The exact revision of "now" is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Everything after the member has registered it.
    Now,
    /// This many revisions back.
    Back(u32),
    /// This many revisions ahead.
    Ahead(u32),
    /// At the last compaction: the oldest revision that a member may still deliver. "Now" while there was none.
    AtCompaction,
    /// This revision.
    At(Revision),
}

/// The watches of a run.
pub struct Watches {
    handle: WatchHandle,
}

/// Opens watches. Cloning shares it.
#[derive(Clone, Debug)]
pub struct WatchHandle {
    commands: mpsc::UnboundedSender<Command>,
    timeout: Duration,
}

/// A command to the manager.
enum Command {
    /// Open a watch, close the oldest if there are too many, and report when the member has registered or refused it.
    Open { request: WatchRequest, member: MemberIndex, answered: oneshot::Sender<()> },
    /// Close all watches. Each may first receive everything up to the revision, until `grace` is over.
    Close { revision: Revision, grace: Duration, done: oneshot::Sender<()> },
}

impl Watches {
    /// No watches yet. `clients` are in the order of the members; `timeout` is how long [`WatchHandle::open`] waits.
    pub fn start(
        clients: &[Client],
        settings: &types::Boards,
        timeout: Duration,
        collector_progress: CollectorProgress,
        sink: &Sink,
    ) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        let manager = WatchManager::new(clients.to_vec(), settings, collector_progress, sink.clone());
        // It ends when it has closed everything, or when every handle is dropped.
        tokio::spawn(manager.run(received));
        Self { handle: WatchHandle { commands, timeout } }
    }

    /// The handle that opens watches.
    pub fn handle(&self) -> WatchHandle {
        self.handle.clone()
    }

    /// Closes all of them, for good. Each may first receive everything up to `revision`, until `grace` is over; the watch check
    /// reports what is still missing. Closing again does nothing.
    pub async fn close(&self, revision: Revision, grace: Duration) {
        let (done, closed) = oneshot::channel();
        if self.handle.commands.send(Command::Close { revision, grace, done }).is_ok() {
            // A manager that ended without an answer has panicked; its watches stay open in the record.
            let _ = closed.await;
        }
    }
}

impl WatchHandle {
    /// Opens a watch at `member`, or at another one while that one does not answer. Returns whether a member registered or
    /// refused it in time.
    pub async fn open(&self, request: WatchRequest, member: MemberIndex) -> bool {
        let (answered, answer) = oneshot::channel();
        if self.commands.send(Command::Open { request, member, answered }).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(self.timeout, answer).await, Ok(Ok(())))
    }
}
