//! Leases of the simulated cluster.

use super::Cluster;
use ticketcd_history::Nanos;

const SECOND: Nanos = 1_000_000_000;

/// A lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    /// Seconds granted.
    pub(super) ttl: i64,
    /// When it was last granted or kept alive, by the cluster's own clock.
    pub(super) renewed: Nanos,
}

impl Cluster {
    /// The leases that exist, in order.
    pub(crate) fn lease_ids(&self) -> Vec<i64> {
        self.leases.keys().copied().collect()
    }

    /// When a lease expires unless it is kept alive.
    pub(crate) fn expires(&self, lease: i64) -> Option<Nanos> {
        self.leases.get(&lease).map(|lease| lease.renewed + Nanos::try_from(lease.ttl).unwrap_or(0) * SECOND)
    }

    /// A lease ends: by revocation, or because it expired. Its keys are deleted in one revision.
    pub(crate) fn end_lease(&mut self, lease: i64) {
        self.leases.remove(&lease);
        for key in self.keys.attached(lease) {
            self.keys.delete(&key);
        }
        self.keys.forget_lease(lease);
        self.commit();
    }
}
