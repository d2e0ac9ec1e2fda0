//! The control of one member's process, on any testbed.

use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::member::ProcessExit;

use super::TestbedError;
use super::local::LocalMember;

/// The control of one member. Cloning shares it.
#[derive(Clone, Debug)]
pub enum MemberControl {
    /// An etcd process on this machine.
    Local(Arc<LocalMember>),
}

/// How a member that was asked to end did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// By itself.
    Graceful,
    /// It did not in the time it had, and was killed.
    Killed,
}

/// The process that answers on a member's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// None has answered so far.
    None,
    /// It was started for the member.
    Own,
    /// It was not started for the member: this process.
    Foreign(u32),
}

impl MemberControl {
    /// Which member.
    pub fn index(&self) -> MemberIndex {
        match self {
            Self::Local(member) => member.index(),
        }
    }

    /// Whether its process is running (paused or not).
    pub fn is_running(&self) -> bool {
        match self {
            Self::Local(member) => member.pid().is_some(),
        }
    }

    /// Its process id on this machine, while it runs there.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Local(member) => member.pid(),
        }
    }

    /// How often it was started so far.
    pub fn incarnation(&self) -> u32 {
        match self {
            Self::Local(member) => member.incarnation(),
        }
    }

    /// How its last process ended; `None` while one runs.
    pub fn exit(&self) -> Option<ProcessExit> {
        match self {
            Self::Local(member) => member.exit(),
        }
    }

    /// Whether its process is stopped without having ended. `None` where that cannot be known.
    pub fn is_paused(&self) -> Option<bool> {
        match self {
            Self::Local(member) => member.is_paused(),
        }
    }

    /// Whether the process that answers for it is one that was started for it.
    pub fn server(&self) -> Server {
        match self {
            Self::Local(member) => member.server(),
        }
    }

    /// Ends its process at once; returns when it is gone and the exit is recorded.
    ///
    /// # Errors
    /// When it is not running, or when etcd runs on.
    pub async fn kill(&self) -> Result<(), TestbedError> {
        match self {
            Self::Local(member) => member.kill().await,
        }
    }

    /// Asks its process to end, and kills it after `grace`; returns when it is gone and the exit is recorded.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn terminate(&self, grace: Duration) -> Result<Termination, TestbedError> {
        match self {
            Self::Local(member) => member.terminate(grace).await,
        }
    }

    /// Stops its process without ending it; returns when it is stopped.
    ///
    /// # Errors
    /// When it is not running, or cannot be stopped.
    pub async fn pause(&self) -> Result<(), TestbedError> {
        match self {
            Self::Local(member) => member.pause().await,
        }
    }

    /// Lets a paused process continue.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn resume(&self) -> Result<(), TestbedError> {
        match self {
            Self::Local(member) => member.resume(),
        }
    }

    /// Starts it on the data it left.
    ///
    /// # Errors
    /// When it is already running or cannot be started.
    pub async fn start(&self) -> Result<(), TestbedError> {
        match self {
            Self::Local(member) => member.start().await,
        }
    }

    /// Waits until its process is gone and the exit is recorded.
    pub async fn await_exit(&self) {
        match self {
            Self::Local(member) => member.await_exit().await,
        }
    }
}
