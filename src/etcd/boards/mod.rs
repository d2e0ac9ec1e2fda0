//! Stock boards: a client's own watches, which are judged. Many of them share one stream to one member.
//!
//! [`Boards`] starts one task, the `keeper`, that knows every board and every stream; each stream has a task of its own that
//! only passes on. So whatever is recorded of a stream is recorded in the order in which it arrived.
//!
//! When a stream breaks its boards are closed in the record and opened anew on another member, each from one behind the
//! last revision that it was told: nothing is skipped. Messages are never asked for in fragments, for `etcd-client` does not
//! say which message is one; a revision arrives whole.

mod board;
mod keeper;
mod stream;

use std::time::Duration;

use ticketcd_judge::model::{Blob, MemberIndex, Revision};
use tokio::sync::{mpsc, oneshot};

use super::client::Client;
use super::reach::Reach;
use crate::record::Sink;
use crate::settings::types;

use keeper::Keeper;

/// What a board is to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// First key.
    pub key: Blob,
    /// First key behind the range; empty for a single key.
    pub range_end: Blob,
    /// From when on.
    pub start: Start,
    /// Whether previous values are asked for.
    pub previous: bool,
    /// Whether the member is to say from time to time how far it is.
    pub progress: bool,
}

/// The revision a board starts from. What "now" is, nobody knows exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Whatever comes after the member takes it on.
    Now,
    /// So many revisions back.
    Back(u32),
    /// So many revisions ahead.
    Ahead(u32),
    /// At the last compaction: the oldest revision that a member may still deliver. "Now" while there was none.
    AtCompaction,
    /// This one.
    At(Revision),
}

/// The boards of a run.
pub struct Boards {
    desk: Desk,
}

/// Where boards are opened. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Desk {
    commands: mpsc::UnboundedSender<Command>,
    timeout: Duration,
}

/// What the keeper is asked to do.
enum Command {
    /// Open a board, close the oldest if there are too many, and say when the member has taken it on or refused it.
    Open { wish: Wish, member: MemberIndex, answered: oneshot::Sender<()> },
    /// Close all boards, but let them be told everything up to the revision first, for as long as `patience` lasts.
    Close { revision: Revision, patience: Duration, done: oneshot::Sender<()> },
}

impl Boards {
    /// No boards yet. `clients` are in the order of the members; `timeout` is how long whoever opens one waits for it.
    pub fn start(clients: &[Client], settings: &types::Boards, timeout: Duration, reach: Reach, sink: &Sink) -> Self {
        let (commands, asked) = mpsc::unbounded_channel();
        let keeper = Keeper::new(clients.to_vec(), settings, reach, sink.clone());
        // It ends when it has closed everything, or nobody can ask any more.
        tokio::spawn(keeper.keep(asked));
        Self { desk: Desk { commands, timeout } }
    }

    /// Where they are opened.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Closes all of them, for good. Each is first given until `patience` is over to be told everything up to `revision`;
    /// what it is then still owed is for the check to find. Closing again does nothing.
    pub async fn close(&self, revision: Revision, patience: Duration) {
        let (done, closed) = oneshot::channel();
        if self.desk.commands.send(Command::Close { revision, patience, done }).is_ok() {
            // A keeper that is gone without a word has panicked; its boards are open in the record, which says so.
            let _ = closed.await;
        }
    }
}

impl Desk {
    /// Opens a board at `member`, or at another while that one does not answer. Says whether a member has taken it on, or
    /// refused it, in time.
    pub async fn open(&self, wish: Wish, member: MemberIndex) -> bool {
        let (answered, answer) = oneshot::channel();
        if self.commands.send(Command::Open { wish, member, answered }).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(self.timeout, answer).await, Ok(Ok(())))
    }
}
