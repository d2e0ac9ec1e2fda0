//! The one stream of events. Every producer of a run writes to it; files, statistics, views and checks read it.
//!
//! Events are written in CBOR, each struct an array and each enum the number of its variant with an array. The numbers of
//! fields and variants (`#[n(…)]`) are the format: they are never used again. A new optional field is compatible; anything else
//! is a new format version, see [`run_info::FORMAT_VERSION`](crate::run_info::FORMAT_VERSION).

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::annotation::{CancelPlaced, OrderClosed, OrderPlaced, QueryClosed};
use crate::audit::{AuditClosed, AuditPage};
use crate::call::{Invoke, Return};
use crate::decoding::{DecodeContext, decode_enum};
pub use crate::fault::{FaultEvent, FaultStage};
pub use crate::invalid::Invalid;
pub use crate::member::{MemberChange, MemberEvent};
use crate::metrics::{HostSample, MetricsSample};
use crate::watch::{ProgressRequested, StreamProgress, WatchBatch, WatchClosed, WatchOpened};
use crate::{MemberIndex, Nanos, Revision};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode)]
#[serde(rename_all = "snake_case")]
#[cbor(context_bound = "DecodeContext")]
pub enum Event {
    /// A phase began.
    #[n(0)]
    Phase(#[n(0)] PhaseBegan),
    /// A buyer placed an order.
    #[n(1)]
    OrderPlaced(#[n(0)] OrderPlaced),
    /// The order ended.
    #[n(2)]
    OrderClosed(#[n(0)] OrderClosed),
    /// A query ended.
    #[n(3)]
    QueryClosed(#[n(0)] QueryClosed),
    /// A request is about to be sent.
    #[n(4)]
    Invoke(#[n(0)] Invoke),
    /// A request ended.
    #[n(5)]
    Return(#[n(0)] Return),
    /// A watch is about to be requested.
    #[n(6)]
    WatchOpened(#[n(0)] WatchOpened),
    /// A watch received a message.
    #[n(7)]
    WatchBatch(#[n(0)] WatchBatch),
    /// A watch ended on our side.
    #[n(8)]
    WatchClosed(#[n(0)] WatchClosed),
    /// Progress was requested on a stream of watches.
    #[n(9)]
    ProgressRequested(#[n(0)] ProgressRequested),
    /// A stream of watches received a progress notification.
    #[n(10)]
    StreamProgress(#[n(0)] StreamProgress),
    /// Something happened to a fault.
    #[n(11)]
    Fault(#[n(0)] FaultEvent),
    /// Something happened to a member's process.
    #[n(12)]
    Member(#[n(0)] MemberEvent),
    /// A member's status was sampled.
    #[n(13)]
    Sample(#[n(0)] MemberSample),
    /// How the load went in the last second.
    #[n(14)]
    Load(#[n(0)] LoadSample),
    /// The closed-loop rate that shares of a rate refer to.
    #[n(15)]
    Calibrated(#[n(0)] Calibrated),
    /// A page of a member's content.
    #[n(16)]
    AuditPage(#[n(0)] AuditPage),
    /// The end of the audit of one member.
    #[n(17)]
    AuditClosed(#[n(0)] AuditClosed),
    /// A worker ended cleanly; everything it sent is in the record.
    #[n(18)]
    WorkerClosed(#[n(0)] WorkerClosed),
    /// The run could not go on as planned, through no fault of etcd: the run is invalid.
    #[n(19)]
    Invalid(#[n(0)] Invalid),
    /// The last event of a run that ended by itself or by Ctrl-C.
    #[n(20)]
    Ended(#[n(0)] Ended),
    /// A buyer began to cancel an order.
    #[n(21)]
    CancelPlaced(#[n(0)] CancelPlaced),
    /// A member's own metrics.
    #[n(22)]
    Metrics(#[n(0)] MetricsSample),
    /// How busy this machine and we ourselves are.
    #[n(23)]
    Host(#[n(0)] HostSample),
}

decode_enum!(Event {
    0 => Phase(any),
    1 => OrderPlaced(any),
    2 => OrderClosed(any),
    3 => QueryClosed(any),
    4 => Invoke(any),
    5 => Return(any),
    6 => WatchOpened(any),
    7 => WatchBatch(any),
    8 => WatchClosed(any),
    9 => ProgressRequested(any),
    10 => StreamProgress(any),
    11 => Fault(any),
    12 => Member(any),
    13 => Sample(any),
    14 => Load(any),
    15 => Calibrated(any),
    16 => AuditPage(any),
    17 => AuditClosed(any),
    18 => WorkerClosed(any),
    19 => Invalid(any),
    20 => Ended(any),
    21 => CancelPlaced(any),
    22 => Metrics(any),
    23 => Host(any),
});

/// A phase of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Phase {
    /// The dataset is written.
    #[n(0)]
    Seed,
    /// The closed-loop rate is measured.
    #[n(1)]
    Calibration,
    /// Load that is not counted.
    #[n(2)]
    WarmUp,
    /// Load.
    #[n(3)]
    Steady,
    /// After the last fault was healed, still under load.
    #[n(4)]
    Recovery,
    /// No new load; everything healed; requests in flight end.
    #[n(5)]
    Drain,
    /// Every member is audited.
    #[n(6)]
    Audit,
}

/// A phase began; the one before it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct PhaseBegan {
    /// When.
    #[n(0)]
    pub at: Nanos,
    /// Which.
    #[n(1)]
    pub phase: Phase,
}

/// How a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct MemberSample {
    /// Which member.
    #[n(0)]
    pub member: MemberIndex,
    /// When it answered, or was given up.
    #[n(1)]
    pub at: Nanos,
    /// Its answer; `None` when it did not answer.
    #[n(2)]
    pub status: Option<MemberStatus>,
}

/// The status that a member reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct MemberStatus {
    /// Its id.
    #[n(0)]
    pub member_id: u64,
    /// The id of the leader it follows; 0 for none.
    #[n(1)]
    pub leader_id: u64,
    /// Raft term.
    #[n(2)]
    pub raft_term: u64,
    /// The last raft entry it applied.
    #[n(3)]
    pub applied_index: u64,
    /// The revision of its key space.
    #[n(4)]
    pub revision: Revision,
    /// Size of its database file, bytes.
    #[n(5)]
    pub database_bytes: i64,
    /// Alarms and other complaints.
    #[n(6)]
    pub errors: Vec<String>,
}

/// How the load went since the last sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct LoadSample {
    /// When.
    #[n(0)]
    pub at: Nanos,
    /// Operations that were due.
    #[n(1)]
    pub offered: u64,
    /// Operations that were started.
    #[n(2)]
    pub started: u64,
    /// Operations that were due but not started: every buyer was busy.
    #[n(3)]
    pub shed: u64,
    /// Operations in flight.
    #[n(4)]
    pub in_flight: u32,
    /// Nanoseconds that producers waited because the recorder was behind: the load was limited by us.
    #[n(5)]
    pub recorder_wait: Nanos,
}

/// The closed-loop rate that shares of a rate refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Calibrated {
    /// When.
    #[n(0)]
    pub at: Nanos,
    /// Operations a second, times 1000.
    #[n(1)]
    pub millihertz: u64,
}

/// A worker ended cleanly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct WorkerClosed {
    /// Which worker.
    #[n(0)]
    pub worker: u32,
    /// The sequence number of its last call; 0 when it made none.
    #[n(1)]
    pub last_sequence: u32,
}

/// The run is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Ended {
    /// When.
    #[n(0)]
    pub at: Nanos,
    /// Whether it was interrupted by Ctrl-C.
    #[n(1)]
    pub interrupted: bool,
}
