//! What happened to members' processes, as data.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{MemberIndex, Nanos};

/// The beginning of a line in a member's log where a part of it was left out, because the log was too large.
pub const LOG_CUT: &str = "ticketcd: this log is cut here";

/// Something happened to a member's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct MemberEvent {
    /// Which member.
    #[n(0)]
    pub member: MemberIndex,
    /// When.
    #[n(1)]
    pub at: Nanos,
    /// What.
    #[n(2)]
    pub change: MemberChange,
}

/// What happened to a member's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum MemberChange {
    /// It was started.
    #[n(0)]
    Started {
        /// How often it was started so far, from 1.
        #[n(0)]
        incarnation: u32,
        /// Its process id.
        #[n(1)]
        pid: u32,
    },
    /// It ended.
    #[n(1)]
    Exited {
        /// How.
        #[n(0)]
        exit: ProcessExit,
        /// Whether we ended it.
        #[n(1)]
        expected: bool,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum ProcessExit {
    /// By itself, with this exit code.
    #[n(0)]
    Code(#[n(0)] i32),
    /// By this signal.
    #[n(1)]
    Signal(#[n(0)] i32),
    /// Killed by the kernel, because its supervisor had ended.
    #[n(2)]
    WithSupervisor,
    /// It is not known how.
    #[n(3)]
    Unknown,
}

impl ProcessExit {
    /// Whether something else ended it: etcd sends itself none of these signals.
    pub fn is_from_outside(self) -> bool {
        const HANGUP: i32 = 1;
        const INTERRUPT: i32 = 2;
        const KILL: i32 = 9;
        const TERMINATE: i32 = 15;
        let is_foreign = |signal: i32| matches!(signal, HANGUP | INTERRUPT | KILL | TERMINATE);
        match self {
            Self::Signal(signal) => is_foreign(signal),
            // A container reports 128 and the signal.
            Self::Code(code) => is_foreign(code - 128),
            Self::WithSupervisor => true,
            Self::Unknown => false,
        }
    }
}
