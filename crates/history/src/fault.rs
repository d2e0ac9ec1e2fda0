//! What happened to faults, as data. The judge puts it into words.

use serde::{Deserialize, Serialize};

use crate::{MemberIndex, Nanos};

/// Something happened to a fault. Every fault of the plan has its `Planned` before the load begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultEvent {
    /// The fault's position in the plan, from 0.
    pub fault: u32,
    /// When.
    pub at: Nanos,
    /// What.
    pub stage: FaultStage,
}

/// What happened to a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultStage {
    /// It is in the plan.
    Planned {
        /// The name of the fault, as scenarios write it: `kill`, `partition`, …
        kind: String,
        /// Its target, as the scenario names it.
        target: FaultTarget,
        /// When it is due, counted from the start of the steady phase.
        due: Nanos,
        /// Whether etcd promises to survive it.
        survivable: bool,
    },
    /// It was not injected: the run is invalid unless it was interrupted.
    NotInjected(NotInjected),
    /// It is in force.
    Injected {
        /// The members it hits.
        members: Vec<MemberIndex>,
        /// What was done.
        actions: Vec<FaultAction>,
        /// Who led at that moment.
        leader: Option<Leadership>,
    },
    /// Something it visibly caused.
    Effect(FaultEffect),
    /// It is healed, and the members it hit follow a leader again.
    Healed {
        /// What was done.
        actions: Vec<FaultAction>,
        /// How long the recovery took, counted from the end of the last action.
        recovered_after: Nanos,
    },
    /// It was healed as far as possible, and the cluster did not come back within the time it is given.
    NotRecovered {
        /// What was done.
        actions: Vec<FaultAction>,
        /// What is missing.
        reason: NotRecovered,
    },
}

/// Members, as a scenario names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetRole {
    /// The leader.
    Leader,
    /// One that follows.
    Follower,
    /// One of all.
    Any,
    /// As many as can fail without the loss of a majority.
    Minority,
    /// The fewest that are a majority.
    Majority,
    /// Every one.
    All,
    /// This one.
    Member(MemberIndex),
}

/// The target of a fault, as a scenario names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultTarget {
    /// Members' processes.
    Members(TargetRole),
    /// The links between these members and all others.
    Isolate(TargetRole),
    /// The links between groups of members.
    Split(Vec<Vec<TargetRole>>),
    /// The links from some members to others.
    OneWay {
        /// From these.
        from: TargetRole,
        /// To these.
        to: TargetRole,
    },
    /// Every peer link of these members.
    PeersOf(TargetRole),
    /// The links between clients and these members.
    ClientsOf(TargetRole),
}

/// A leader and the term it leads in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leadership {
    /// The leader.
    pub member: MemberIndex,
    /// The raft term.
    pub term: u64,
}

/// A directed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Traffic from one member to another, on any of their connections.
    Peer {
        /// The sender.
        from: MemberIndex,
        /// The receiver.
        to: MemberIndex,
    },
    /// Traffic from clients to a member.
    ToMember(MemberIndex),
    /// Traffic from a member to its clients.
    FromMember(MemberIndex),
}

/// Something that was done for a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// To a member's process.
    Process(ProcessAction),
    /// To links.
    Links {
        /// Which.
        links: Vec<Link>,
        /// What they do since then, unless another fault in force demands more.
        change: LinkChange,
    },
}

/// Something that was done to a member's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessAction {
    /// Which member.
    pub member: MemberIndex,
    /// Its process id, where it has one on this machine: before an operation that ends it, after one that starts it.
    pub pid: Option<u32>,
    /// What.
    pub operation: ProcessOperation,
    /// What came of it.
    pub result: ActionResult,
}

/// What is done to a member's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessOperation {
    /// End it at once.
    Kill,
    /// Ask it to end.
    Terminate,
    /// Stop it without ending it.
    Pause,
    /// Let it continue.
    Resume,
    /// Start it on the data it left.
    Start,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionResult {
    /// It did not fail.
    Succeeded(ActionOutcome),
    /// It failed.
    Failed(ActionFailure),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionOutcome {
    /// As asked.
    Done,
    /// The process did not end by itself and was killed.
    KilledAfter {
        /// After so long.
        grace: Nanos,
    },
    /// Nothing was to be done: it is already running.
    AlreadyRunning,
    /// Nothing was to be done: another fault keeps it paused.
    StillPaused,
    /// Nothing was to be done: the process has ended meanwhile.
    ProcessEnded,
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionFailure {
    /// The testbed has no such member.
    NoSuchMember,
    /// Its process is not running.
    NotRunning,
    /// Its process is already running.
    AlreadyRunning,
    /// The operating system or the testbed refused.
    Refused {
        /// As it reported it.
        detail: String,
    },
}

/// What links do since an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkChange {
    /// They drop traffic.
    Dropping,
    /// They hold traffic back.
    Holding,
    /// They deliver later.
    Delaying {
        /// By at least so long.
        delay: Nanos,
        /// And up to so much longer.
        jitter: Nanos,
    },
    /// Their connections were cut, once.
    Reset,
    /// Whatever they did before the fault.
    Restored,
}

/// Something that a fault visibly caused. While faults overlap, each of them reports what happened under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultEffect {
    /// A member's process ended.
    ProcessEnded {
        /// Which member.
        member: MemberIndex,
        /// How often.
        times: u32,
    },
    /// The operating system showed a member's process stopped.
    Paused {
        /// Which member.
        member: MemberIndex,
        /// How often.
        times: u32,
        /// For how long, all in all.
        total: Nanos,
    },
    /// A member stopped responding.
    StoppedResponding {
        /// Which member.
        member: MemberIndex,
    },
    /// A member responds again.
    RespondsAgain {
        /// Which member.
        member: MemberIndex,
    },
    /// No quorum has a leader.
    LeaderLost,
    /// A new leader.
    LeaderElected(Leadership),
    /// The old leader leads again, in the same term.
    LeaderReturned(Leadership),
    /// Connections were cut.
    ConnectionsCut {
        /// How many.
        connections: u64,
    },
    /// Traffic on the links of the fault was dropped or held back.
    TrafficStopped {
        /// How much, bytes.
        bytes: u64,
    },
    /// Traffic on the links of the fault was delivered all the same.
    TrafficDelivered {
        /// How much, bytes.
        bytes: u64,
    },
}

/// Why a fault was not injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotInjected {
    /// The run was interrupted before.
    Interrupted,
    /// No target was found in time.
    NoTarget {
        /// Why not.
        reason: NoTarget,
        /// How long one was waited for.
        waited: Nanos,
    },
    /// Every action failed.
    Failed {
        /// What was tried.
        actions: Vec<FaultAction>,
    },
}

/// Why a target names no members, or no links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoTarget {
    /// There is no leader, which `leader` and `follower` need.
    NoLeader,
    /// The cluster has no such member.
    NoSuchMember(MemberIndex),
    /// The member is named twice.
    NamedTwice(MemberIndex),
    /// The member is down.
    Down(MemberIndex),
    /// No member is left.
    NoneLeft,
    /// A cluster of this size has no such members.
    TooSmall {
        /// Which.
        role: TargetRole,
        /// The size.
        size: u8,
    },
    /// Too few members are up.
    TooFewUp {
        /// Which.
        role: TargetRole,
        /// How many are needed.
        needed: u8,
        /// How many are up.
        up: u8,
    },
    /// A cluster of this size has no such link.
    NoSuchLink,
}

/// What is missing after a fault was healed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotRecovered {
    /// An action of the healing failed.
    HealingFailed,
    /// Members were not healthy in time.
    Unhealthy {
        /// What was missing at the end.
        missing: Vec<HealthGap>,
        /// How long recovery was waited for.
        waited: Nanos,
    },
    /// The members' health was no longer sampled.
    NotSampled,
}

/// Why a cluster, or a member, is not healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthGap {
    /// No quorum has a leader.
    NoLeader {
        /// What each member reports.
        members: Vec<(MemberIndex, ReportedLeader)>,
    },
    /// The cluster has no such member.
    NoSuchMember(MemberIndex),
    /// The member has not responded yet.
    NoResponseYet(MemberIndex),
    /// The member does not respond.
    Silent(MemberIndex),
    /// The member does not follow the leader.
    NotFollowing {
        /// Which member.
        member: MemberIndex,
        /// The leader.
        leader: Leadership,
    },
}

/// The leader that a member reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedLeader {
    /// None.
    None {
        /// In this term.
        term: u64,
    },
    /// A member.
    Member(Leadership),
    /// A member that has not told its id yet.
    Unknown {
        /// The id.
        member_id: u64,
        /// In this term.
        term: u64,
    },
    /// It does not respond.
    Silent,
    /// It has not responded yet.
    NoResponseYet,
}
