//! What explains the speed of a run: the members' own metrics, and how busy the machine and this program were.
//!
//! All times and counts are totals since the process began: what matters is the difference of two samples.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{MemberIndex, Nanos};

/// The metrics of one member, from its `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct MemberMetrics {
    /// `etcd_disk_wal_fsync_duration_seconds`: calls, and microseconds in all.
    #[n(0)]
    pub fsync: Timer,
    /// `etcd_disk_backend_commit_duration_seconds`.
    #[n(1)]
    pub backend_commit: Timer,
    /// `etcd_network_peer_round_trip_time_seconds`, all peers together.
    #[n(2)]
    pub peer_round_trip: Timer,
    /// `etcd_server_leader_changes_seen_total`
    #[n(3)]
    pub leader_changes: u64,
    /// `etcd_server_proposals_failed_total`
    #[n(4)]
    pub proposals_failed: u64,
    /// `etcd_server_proposals_pending`, at the moment.
    #[n(5)]
    pub proposals_pending: u64,
    /// `etcd_server_slow_apply_total`
    #[n(6)]
    pub slow_applies: u64,
    /// `process_cpu_seconds_total`, microseconds.
    #[n(7)]
    pub cpu_us: u64,
    /// `process_resident_memory_bytes`
    #[n(8)]
    pub resident_bytes: u64,
    /// `etcd_mvcc_db_total_size_in_bytes`
    #[n(9)]
    pub database_bytes: u64,
    /// `etcd_mvcc_db_total_size_in_use_in_bytes`
    #[n(10)]
    pub database_in_use_bytes: u64,
    /// `etcd_server_quota_backend_bytes`
    #[n(11)]
    pub quota_bytes: u64,
}

/// A histogram, as far as its mean goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Timer {
    /// How often.
    #[n(0)]
    pub count: u64,
    /// How long in all, microseconds.
    #[n(1)]
    pub sum_us: u64,
}

/// A member's metrics at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct MetricsSample {
    /// Which member.
    #[n(0)]
    pub member: MemberIndex,
    /// How often it had been started; totals begin anew with each.
    #[n(1)]
    pub incarnation: u32,
    /// When.
    #[n(2)]
    pub at: Nanos,
    /// Its metrics; `None` when it did not answer.
    #[n(3)]
    pub metrics: Option<MemberMetrics>,
}

/// How busy the machine and we ourselves are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct HostSample {
    /// When.
    #[n(0)]
    pub at: Nanos,
    /// Processor time of this process, microseconds.
    #[n(1)]
    pub own_cpu_us: u64,
    /// Processor time of everything on the machine, idle time not counted, microseconds over all processors.
    #[n(2)]
    pub busy_us: u64,
    /// Idle time over all processors, microseconds.
    #[n(3)]
    pub idle_us: u64,
    /// Memory of this process, bytes.
    #[n(4)]
    pub own_resident_bytes: u64,
}
