//! What happened to members' processes, as data.

use serde::{Deserialize, Serialize};

use crate::{MemberIndex, Nanos};

/// Something happened to a member's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberEvent {
    /// Which member.
    pub member: MemberIndex,
    /// When.
    pub at: Nanos,
    /// What.
    pub change: MemberChange,
}

/// What happened to a member's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberChange {
    /// It was started.
    Started {
        /// How often it was started so far, from 1.
        incarnation: u32,
        /// Its process id.
        pid: u32,
    },
    /// It ended.
    Exited {
        /// How.
        exit: ProcessExit,
        /// Whether we ended it.
        expected: bool,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessExit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Killed by the kernel, because its supervisor had ended.
    WithSupervisor,
    /// It is not known how.
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
