//! The one stream of events. Every producer of a run writes to it; files, statistics, views and checks read it.
//!
//! Events are written in binary (postcard): a new variant or field is a new format version, see
//! [`run_info::FORMAT_VERSION`](crate::run_info::FORMAT_VERSION).

use serde::{Deserialize, Serialize};

use crate::annotation::{CancelPlaced, OrderClosed, OrderPlaced, QueryClosed};
use crate::audit::{AuditClosed, AuditPage};
use crate::call::{Invoke, Return};
pub use crate::fault::{FaultEvent, FaultStage};
pub use crate::invalid::Invalid;
pub use crate::member::{MemberChange, MemberEvent};
use crate::metrics::{HostSample, MetricsSample};
use crate::watch::{ProgressRequested, StreamProgress, WatchBatch, WatchClosed, WatchOpened};
use crate::{MemberIndex, Nanos, Revision};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A phase began.
    Phase(PhaseBegan),
    /// A buyer placed an order.
    OrderPlaced(OrderPlaced),
    /// The order ended.
    OrderClosed(OrderClosed),
    /// A query ended.
    QueryClosed(QueryClosed),
    /// A request is about to be sent.
    Invoke(Invoke),
    /// A request ended.
    Return(Return),
    /// A watch is about to be requested.
    WatchOpened(WatchOpened),
    /// A watch received a message.
    WatchBatch(WatchBatch),
    /// A watch ended on our side.
    WatchClosed(WatchClosed),
    /// Progress was requested on a stream of watches.
    ProgressRequested(ProgressRequested),
    /// A stream of watches received a progress notification.
    StreamProgress(StreamProgress),
    /// Something happened to a fault.
    Fault(FaultEvent),
    /// Something happened to a member's process.
    Member(MemberEvent),
    /// A member was asked how it is.
    Sample(MemberSample),
    /// How the load went in the last second.
    Load(LoadSample),
    /// The closed-loop rate that shares of a rate refer to.
    Calibrated(Calibrated),
    /// A page of a member's content.
    AuditPage(AuditPage),
    /// The end of the audit of one member.
    AuditClosed(AuditClosed),
    /// A worker ended cleanly; whatever it sent is in the record.
    WorkerClosed(WorkerClosed),
    /// The run could not go on as planned, through no fault of etcd: the run is invalid.
    Invalid(Invalid),
    /// The last event of a run that ended by itself or by Ctrl-C.
    Ended(Ended),
    /// A buyer asked to cancel an order.
    CancelPlaced(CancelPlaced),
    /// A member's own metrics.
    Metrics(MetricsSample),
    /// How busy this machine and we ourselves are.
    Host(HostSample),
}

/// A phase of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The dataset is written.
    Seed,
    /// The closed-loop rate is measured.
    Calibration,
    /// Load that is not counted.
    WarmUp,
    /// Load.
    Steady,
    /// After the last fault was healed, still under load.
    Recovery,
    /// No new load; everything healed; what is under way comes to rest.
    Drain,
    /// Every member is asked what it has.
    Audit,
}

/// A phase began; the one before it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseBegan {
    /// When.
    pub at: Nanos,
    /// Which.
    pub phase: Phase,
}

/// How a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSample {
    /// Which member.
    pub member: MemberIndex,
    /// When it answered, or was given up.
    pub at: Nanos,
    /// What it said; `None` when it did not answer.
    pub status: Option<MemberStatus>,
}

/// What a member says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its id.
    pub member_id: u64,
    /// The id of the leader it follows; 0 for none.
    pub leader_id: u64,
    /// Raft term.
    pub raft_term: u64,
    /// The last raft entry it applied.
    pub applied_index: u64,
    /// The revision of its key space.
    pub revision: Revision,
    /// Size of its database file, bytes.
    pub database_bytes: i64,
    /// Alarms and other complaints.
    pub errors: Vec<String>,
}

/// How the load went since the last sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadSample {
    /// When.
    pub at: Nanos,
    /// Operations that were due.
    pub offered: u64,
    /// Operations that were started.
    pub started: u64,
    /// Operations that were due but not started: every buyer was busy.
    pub shed: u64,
    /// Operations under way.
    pub in_flight: u32,
    /// Nanoseconds that producers waited because the recorder was behind: the load was limited by us.
    pub recorder_wait: Nanos,
}

/// The closed-loop rate that shares of a rate refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibrated {
    /// When.
    pub at: Nanos,
    /// Operations a second, times 1000.
    pub millihertz: u64,
}

/// A worker ended cleanly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerClosed {
    /// Which worker.
    pub worker: u32,
    /// The sequence number of its last call; 0 when it made none.
    pub last_sequence: u32,
}

/// The run is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Nanos,
    /// Whether it was interrupted by Ctrl-C.
    pub interrupted: bool,
}
