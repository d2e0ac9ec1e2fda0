//! One connection through a proxy: who dialed, whether it lost something, and how it is cut.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use ticketcd_judge::history::MemberIndex;
use tokio_util::sync::CancellationToken;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the dialer to the member that listens.
    Forward,
    /// From the member that listens to the dialer.
    Backward,
}

impl Direction {
    pub(super) const BOTH: [Self; 2] = [Self::Forward, Self::Backward];
}

/// Who dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialer {
    /// A client.
    Client,
    /// Another member.
    Member(MemberIndex),
    /// Another member, known by an id that may mean something later.
    Id(u64),
    /// Another member that has not identified itself, or not yet.
    Unidentified,
}

/// One connection through a proxy.
#[derive(Debug)]
pub(super) struct Connection {
    listener: MemberIndex,
    dialer: Mutex<Dialer>,
    lost: [AtomicBool; 2],
    cut: CancellationToken,
}

impl Connection {
    /// A connection to a member; it ends when `cut` is cancelled.
    pub(super) fn new(listener: MemberIndex, dialer: Dialer, cut: CancellationToken) -> Self {
        Self { listener, dialer: Mutex::new(dialer), lost: [AtomicBool::new(false), AtomicBool::new(false)], cut }
    }

    /// The member it was dialed to.
    pub(super) fn listener(&self) -> MemberIndex {
        self.listener
    }

    /// Who dialed it.
    pub(super) fn dialer(&self) -> Dialer {
        *self.dialer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The dialer has identified itself.
    pub(super) fn identify(&self, dialer: Dialer) {
        *self.dialer.lock().unwrap_or_else(PoisonError::into_inner) = dialer;
    }

    /// Bytes were lost: the connection is of no use once the link is open again.
    pub(super) fn lose(&self, direction: Direction) {
        self.lost[direction as usize].store(true, Ordering::Relaxed);
    }

    /// Whether bytes were lost that way.
    pub(super) fn has_lost(&self, direction: Direction) -> bool {
        self.lost[direction as usize].load(Ordering::Relaxed)
    }

    /// Cuts it.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// Ends when the connection is cut.
    pub(super) async fn was_cut(&self) {
        self.cut.cancelled().await;
    }
}
