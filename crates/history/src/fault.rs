//! What happened to faults, as data. The judge puts it into words.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{MemberIndex, Nanos};

/// Something happened to a fault. Every fault of the plan has its `Planned` before the load begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct FaultEvent {
    /// The fault's position in the plan, from 0.
    #[n(0)]
    pub fault: u32,
    /// When.
    #[n(1)]
    pub at: Nanos,
    /// What.
    #[n(2)]
    pub stage: FaultStage,
}

/// What happened to a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum FaultStage {
    /// It is in the plan.
    #[n(0)]
    Planned {
        /// The name of the fault, as scenarios write it: `kill`, `partition`, …
        #[n(0)]
        kind: String,
        /// Its target, as the scenario names it.
        #[n(1)]
        target: FaultTarget,
        /// When it is due, counted from the start of the steady phase.
        #[n(2)]
        due: Nanos,
        /// Whether etcd promises to survive it.
        #[n(3)]
        survivable: bool,
    },
    /// It was not injected: the run is invalid unless it was interrupted.
    #[n(1)]
    NotInjected(#[n(0)] NotInjected),
    /// It is in force.
    #[n(2)]
    Injected {
        /// The members it hits.
        #[n(0)]
        members: Vec<MemberIndex>,
        /// What was done.
        #[n(1)]
        actions: Vec<FaultAction>,
        /// Who led at that moment.
        #[n(2)]
        leader: Option<Leadership>,
    },
    /// Something it visibly caused.
    #[n(3)]
    Effect(#[n(0)] FaultEffect),
    /// It is healed, and the members it hit follow a leader again.
    #[n(4)]
    Healed {
        /// What was done.
        #[n(0)]
        actions: Vec<FaultAction>,
        /// How long the recovery took, counted from the end of the last action.
        #[n(1)]
        recovered_after: Nanos,
    },
    /// It was healed as far as possible, and the cluster did not come back within the time it is given.
    #[n(5)]
    NotRecovered {
        /// What was done.
        #[n(0)]
        actions: Vec<FaultAction>,
        /// What is missing.
        #[n(1)]
        reason: NotRecovered,
    },
}

/// Members, as a scenario names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum TargetRole {
    /// The leader.
    #[n(0)]
    Leader,
    /// One that follows.
    #[n(1)]
    Follower,
    /// One of all.
    #[n(2)]
    Any,
    /// As many as can fail without the loss of a majority.
    #[n(3)]
    Minority,
    /// The fewest that are a majority.
    #[n(4)]
    Majority,
    /// Every one.
    #[n(5)]
    All,
    /// This one.
    #[n(6)]
    Member(#[n(0)] MemberIndex),
}

/// The target of a fault, as a scenario names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum FaultTarget {
    /// Members' processes.
    #[n(0)]
    Members(#[n(0)] TargetRole),
    /// The links between these members and all others.
    #[n(1)]
    Isolate(#[n(0)] TargetRole),
    /// The links between groups of members.
    #[n(2)]
    Split(#[n(0)] Vec<Vec<TargetRole>>),
    /// The links from some members to others.
    #[n(3)]
    OneWay {
        /// From these.
        #[n(0)]
        from: TargetRole,
        /// To these.
        #[n(1)]
        to: TargetRole,
    },
    /// Every peer link of these members.
    #[n(4)]
    PeersOf(#[n(0)] TargetRole),
    /// The links between clients and these members.
    #[n(5)]
    ClientsOf(#[n(0)] TargetRole),
}

/// A leader and the term it leads in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Leadership {
    /// The leader.
    #[n(0)]
    pub member: MemberIndex,
    /// The raft term.
    #[n(1)]
    pub term: u64,
}

/// A directed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Traffic from one member to another, on any of their connections.
    #[n(0)]
    Peer {
        /// The sender.
        #[n(0)]
        from: MemberIndex,
        /// The receiver.
        #[n(1)]
        to: MemberIndex,
    },
    /// Traffic from clients to a member.
    #[n(1)]
    ToMember(#[n(0)] MemberIndex),
    /// Traffic from a member to its clients.
    #[n(2)]
    FromMember(#[n(0)] MemberIndex),
}

/// Something that was done for a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// To a member's process.
    #[n(0)]
    Process(#[n(0)] ProcessAction),
    /// To links.
    #[n(1)]
    Links {
        /// Which.
        #[n(0)]
        links: Vec<Link>,
        /// What they do since then, unless another fault in force demands more.
        #[n(1)]
        change: LinkChange,
    },
}

/// Something that was done to a member's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct ProcessAction {
    /// Which member.
    #[n(0)]
    pub member: MemberIndex,
    /// Its process id, where it has one on this machine: before an operation that ends it, after one that starts it.
    #[n(1)]
    pub pid: Option<u32>,
    /// What.
    #[n(2)]
    pub operation: ProcessOperation,
    /// What came of it.
    #[n(3)]
    pub result: ActionResult,
}

/// What is done to a member's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum ProcessOperation {
    /// End it at once.
    #[n(0)]
    Kill,
    /// Ask it to end.
    #[n(1)]
    Terminate,
    /// Stop it without ending it.
    #[n(2)]
    Pause,
    /// Let it continue.
    #[n(3)]
    Resume,
    /// Start it on the data it left.
    #[n(4)]
    Start,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum ActionResult {
    /// It did not fail.
    #[n(0)]
    Succeeded(#[n(0)] ActionOutcome),
    /// It failed.
    #[n(1)]
    Failed(#[n(0)] ActionFailure),
}

impl ActionResult {
    /// Whether it did not fail.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Succeeded(_))
    }
}

impl From<Result<ActionOutcome, ActionFailure>> for ActionResult {
    fn from(result: Result<ActionOutcome, ActionFailure>) -> Self {
        match result {
            Ok(outcome) => Self::Succeeded(outcome),
            Err(failure) => Self::Failed(failure),
        }
    }
}

/// How an action that did not fail went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum ActionOutcome {
    /// As requested.
    #[n(0)]
    Done,
    /// The process did not end by itself and was killed.
    #[n(1)]
    KilledAfter {
        /// After so long.
        #[n(0)]
        grace: Nanos,
    },
    /// Nothing was to be done: it is already running.
    #[n(2)]
    AlreadyRunning,
    /// Nothing was to be done: another fault keeps it paused.
    #[n(3)]
    StillPaused,
    /// Nothing was to be done: the process has ended meanwhile.
    #[n(4)]
    ProcessEnded,
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum ActionFailure {
    /// The testbed has no such member.
    #[n(0)]
    NoSuchMember,
    /// Its process is not running.
    #[n(1)]
    NotRunning,
    /// Its process is already running.
    #[n(2)]
    AlreadyRunning,
    /// The operating system or the testbed refused.
    #[n(3)]
    Refused {
        /// As it reported it.
        #[n(0)]
        detail: String,
    },
    /// The signal was sent, but etcd still ran, or still answered.
    #[n(4)]
    WithoutEffect {
        /// The process that answers for the member.
        #[n(0)]
        pid: u32,
    },
}

/// What links do since an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum LinkChange {
    /// They drop traffic.
    #[n(0)]
    Dropping,
    /// They hold traffic back.
    #[n(1)]
    Holding,
    /// They deliver later.
    #[n(2)]
    Delaying {
        /// By at least so long.
        #[n(0)]
        delay: Nanos,
        /// And up to so much longer.
        #[n(1)]
        jitter: Nanos,
    },
    /// Their connections were cut, once.
    #[n(3)]
    Reset,
    /// Restored to their state before the fault.
    #[n(4)]
    Restored,
}

/// Something that a fault visibly caused. While faults overlap, each of them reports what happened under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum FaultEffect {
    /// A member's process ended.
    #[n(0)]
    ProcessEnded {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
        /// How often.
        #[n(1)]
        times: u32,
    },
    /// The operating system showed a member's process stopped.
    #[n(1)]
    Paused {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
        /// How often.
        #[n(1)]
        times: u32,
        /// For how long, all in all.
        #[n(2)]
        total: Nanos,
    },
    /// A member stopped responding.
    #[n(2)]
    StoppedResponding {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
    },
    /// A member responds again.
    #[n(3)]
    RespondsAgain {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
    },
    /// No quorum has a leader.
    #[n(4)]
    LeaderLost,
    /// A new leader.
    #[n(5)]
    LeaderElected(#[n(0)] Leadership),
    /// The old leader leads again, in the same term.
    #[n(6)]
    LeaderReturned(#[n(0)] Leadership),
    /// Connections were cut.
    #[n(7)]
    ConnectionsCut {
        /// How many.
        #[n(0)]
        connections: u64,
    },
    /// Traffic on the links of the fault was dropped or held back.
    #[n(8)]
    TrafficStopped {
        /// How much, bytes.
        #[n(0)]
        bytes: u64,
    },
    /// Traffic on the links of the fault was delivered all the same.
    #[n(9)]
    TrafficDelivered {
        /// How much, bytes.
        #[n(0)]
        bytes: u64,
    },
}

/// Why a fault was not injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum NotInjected {
    /// The run was interrupted before.
    #[n(0)]
    Interrupted,
    /// No target was found in time.
    #[n(1)]
    NoTarget {
        /// Why not.
        #[n(0)]
        reason: NoTarget,
        /// How long one was waited for.
        #[n(1)]
        waited: Nanos,
    },
    /// Every action failed.
    #[n(2)]
    Failed {
        /// What was tried.
        #[n(0)]
        actions: Vec<FaultAction>,
    },
}

/// Why a target names no members, or no links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum NoTarget {
    /// There is no leader, which `leader` and `follower` need.
    #[n(0)]
    NoLeader,
    /// The cluster has no such member.
    #[n(1)]
    NoSuchMember(#[n(0)] MemberIndex),
    /// The member is named twice.
    #[n(2)]
    NamedTwice(#[n(0)] MemberIndex),
    /// The member is down.
    #[n(3)]
    Down(#[n(0)] MemberIndex),
    /// No member is left.
    #[n(4)]
    NoneLeft,
    /// A cluster of this size has no such members.
    #[n(5)]
    TooSmall {
        /// Which.
        #[n(0)]
        role: TargetRole,
        /// The size.
        #[n(1)]
        size: u8,
    },
    /// Too few members are up.
    #[n(6)]
    TooFewUp {
        /// Which.
        #[n(0)]
        role: TargetRole,
        /// How many are needed.
        #[n(1)]
        needed: u8,
        /// How many are up.
        #[n(2)]
        up: u8,
    },
    /// A cluster of this size has no such link.
    #[n(7)]
    NoSuchLink,
}

/// What is missing after a fault was healed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum NotRecovered {
    /// An action of the healing failed.
    #[n(0)]
    HealingFailed,
    /// Members were not healthy in time.
    #[n(1)]
    Unhealthy {
        /// What was missing at the end.
        #[n(0)]
        missing: Vec<HealthGap>,
        /// How long recovery was waited for.
        #[n(1)]
        waited: Nanos,
    },
    /// The members' health was no longer sampled.
    #[n(2)]
    NotSampled,
}

/// Why a cluster, or a member, is not healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum HealthGap {
    /// No quorum has a leader.
    #[n(0)]
    NoLeader {
        /// What each member reports.
        #[n(0)]
        members: Vec<(MemberIndex, ReportedLeader)>,
    },
    /// The cluster has no such member.
    #[n(1)]
    NoSuchMember(#[n(0)] MemberIndex),
    /// The member has not responded yet.
    #[n(2)]
    NoResponseYet(#[n(0)] MemberIndex),
    /// The member does not respond.
    #[n(3)]
    Silent(#[n(0)] MemberIndex),
    /// The member does not follow the leader.
    #[n(4)]
    NotFollowing {
        /// Which member.
        #[n(0)]
        member: MemberIndex,
        /// The leader.
        #[n(1)]
        leader: Leadership,
    },
}

/// The leader that a member reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
pub enum ReportedLeader {
    /// None.
    #[n(0)]
    None {
        /// In this term.
        #[n(0)]
        term: u64,
    },
    /// A member.
    #[n(1)]
    Member(#[n(0)] Leadership),
    /// A member that has not reported its id yet.
    #[n(2)]
    Unknown {
        /// The id.
        #[n(0)]
        member_id: u64,
        /// In this term.
        #[n(1)]
        term: u64,
    },
    /// It does not respond.
    #[n(3)]
    Silent,
    /// It has not responded yet.
    #[n(4)]
    NoResponseYet,
}
