//! What says why a run was as fast as it was: the members' own metrics, and how busy the machine and we were.
//!
//! All times and counts are totals since the process began: what matters is the difference of two samples.

use serde::{Deserialize, Serialize};

use crate::{MemberIndex, Nanos};

/// What one member says at its `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberMetrics {
    /// `etcd_disk_wal_fsync_duration_seconds`: calls, and microseconds in all.
    pub fsync: Timer,
    /// `etcd_disk_backend_commit_duration_seconds`.
    pub backend_commit: Timer,
    /// `etcd_network_peer_round_trip_time_seconds`, all peers together.
    pub peer_round_trip: Timer,
    /// `etcd_server_leader_changes_seen_total`
    pub leader_changes: u64,
    /// `etcd_server_proposals_failed_total`
    pub proposals_failed: u64,
    /// `etcd_server_proposals_pending`, at the moment.
    pub proposals_pending: u64,
    /// `etcd_server_slow_apply_total`
    pub slow_applies: u64,
    /// `process_cpu_seconds_total`, microseconds.
    pub cpu_us: u64,
    /// `process_resident_memory_bytes`
    pub resident_bytes: u64,
    /// `etcd_mvcc_db_total_size_in_bytes`
    pub database_bytes: u64,
    /// `etcd_mvcc_db_total_size_in_use_in_bytes`
    pub database_in_use_bytes: u64,
    /// `etcd_server_quota_backend_bytes`
    pub quota_bytes: u64,
}

/// A histogram, as far as its mean goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// How often.
    pub count: u64,
    /// How long in all, microseconds.
    pub sum_us: u64,
}

/// A member's metrics at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsSample {
    /// Which member.
    pub member: MemberIndex,
    /// How often it had been started; totals begin anew with each.
    pub incarnation: u32,
    /// When.
    pub at: Nanos,
    /// What it said; `None` when it did not answer.
    pub metrics: Option<MemberMetrics>,
}

/// How busy the machine and we ourselves are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSample {
    /// When.
    pub at: Nanos,
    /// Processor time of this process, microseconds.
    pub own_cpu_us: u64,
    /// Processor time of everything on the machine, idle time not counted, microseconds over all processors.
    pub busy_us: u64,
    /// Idle time over all processors, microseconds.
    pub idle_us: u64,
    /// Memory of this process, bytes.
    pub own_resident_bytes: u64,
}
