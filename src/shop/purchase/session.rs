//! Leases, and the lease under which a buyer takes its locks.

use std::fmt;
use std::time::{Duration, Instant};

use ticketcd_judge::history::Blob;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request};
use tokio_util::sync::CancellationToken;

use crate::etcd::errors::{self, Cause};
use crate::etcd::{CallError, RecordingClient};

/// A lease from its owner's view: etcd counts its time from when it handles the request, which is later than when the owner
/// sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) id: i64,
    /// The time to live that etcd granted. It can be longer than requested.
    pub(super) ttl: Duration,
    renewed: Instant,
}

/// Why there is no lease. If etcd granted one nevertheless, no key is attached to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LeaseError {
    /// The request was refused, or not answered.
    #[error("no lease was granted: {0}")]
    NotGranted(#[from] CallError),
    /// The answer to the request is not a lease with a time to live.
    #[error("the answer to a lease request has no lease")]
    Shape,
}

impl Lease {
    /// Requests a lease with a time to live in whole seconds.
    ///
    /// # Errors
    /// Why there is no lease.
    pub(super) async fn grant(caller: &mut RecordingClient, ttl: Duration) -> Result<Self, LeaseError> {
        let renewed = Instant::now();
        let request = Request::LeaseGrant { id: 0, ttl: i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX) };
        match CallError::answer(caller.call(Purpose::Purchase, &[], request).await)? {
            Answer { body: AnswerBody::Lease { id, ttl }, .. } => {
                let seconds = u64::try_from(ttl).map_err(|_| LeaseError::Shape)?;
                Ok(Self { id, ttl: Duration::from_secs(seconds), renewed })
            }
            _ => Err(LeaseError::Shape),
        }
    }

    /// Whether more than a third of it is used up.
    fn is_due(&self) -> bool {
        self.renewed.elapsed() > self.ttl / 3
    }

    /// Renews it. Returns whether it may still exist: it has expired when the member reports so, or when no answer came for its
    /// whole time to live.
    async fn keep_alive(&mut self, caller: &mut RecordingClient) -> bool {
        let asked = Instant::now();
        match caller.call(Purpose::Purchase, &[], Request::LeaseKeepAlive { id: self.id }).await {
            CallOutcome::Ok(Answer { body: AnswerBody::Lease { ttl, .. }, .. }) if ttl > 0 => {
                self.renewed = asked;
                true
            }
            CallOutcome::Ok(_) => false,
            CallOutcome::Refused { code, message } if errors::cause(&code, &message) == Some(Cause::LeaseNotFound) => false,
            CallOutcome::Refused { .. } | CallOutcome::Unknown { .. } => self.renewed.elapsed() < self.ttl,
        }
    }

    /// Revokes it with every key attached to it. When the request is not answered, the lease expires by itself.
    pub(super) async fn revoke(self, caller: &mut RecordingClient) {
        caller.call(Purpose::Purchase, &[], Request::LeaseRevoke { id: self.id }).await;
    }
}

/// A buyer's lease for its locks, and the worker that keeps it alive while the buyer waits for one.
pub(super) struct Session {
    lease: Option<Lease>,
    renewer: RecordingClient,
}

impl Session {
    /// A session without a lease yet.
    pub(super) fn new(caller: &RecordingClient) -> Self {
        Self { lease: None, renewer: caller.fork() }
    }

    /// Waits for a lock of etcd for up to `wait`. Requests a lease when there is none or the last one has expired, and keeps it
    /// alive until the lock is acquired or the wait ends.
    ///
    /// # Errors
    /// Why there is no lease.
    pub(super) async fn lock(
        &mut self,
        caller: &mut RecordingClient,
        name: Blob,
        ttl: Duration,
        wait: Duration,
    ) -> Result<CallOutcome, LeaseError> {
        let mut lease = self.alive(caller, ttl).await?;
        let id = lease.id;
        let over = CancellationToken::new();
        let locking = async {
            let outcome = caller.call_within(wait, Purpose::Purchase, &[], Request::Lock { name, lease: id }).await;
            over.cancel();
            outcome
        };
        let (outcome, ()) = tokio::join!(locking, keep(&mut lease, &mut self.renewer, &over));
        self.lease = Some(lease);
        Ok(outcome)
    }

    /// The lease, renewed when more than a third of its time has passed.
    async fn alive(&self, caller: &mut RecordingClient, ttl: Duration) -> Result<Lease, LeaseError> {
        if let Some(mut lease) = self.lease
            && (!lease.is_due() || lease.keep_alive(caller).await)
        {
            return Ok(lease);
        }
        Lease::grant(caller, ttl).await
    }

    /// Revokes the lease. That removes the buyer from every queue for certain: a request in flight fails without its lease.
    pub(super) async fn give_up(&mut self, caller: &mut RecordingClient) {
        if let Some(lease) = self.lease.take() {
            lease.revoke(caller).await;
        }
    }

    /// Revokes the lease and closes the worker that renews it.
    pub(super) async fn end(mut self, caller: &mut RecordingClient) {
        self.give_up(caller).await;
        self.renewer.close().await;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// Keeps a lease alive until `over`, or until it has expired.
async fn keep(lease: &mut Lease, renewer: &mut RecordingClient, over: &CancellationToken) {
    loop {
        // A minimum pause, also when no answer comes.
        let rest = (lease.ttl / 3).saturating_sub(lease.renewed.elapsed()).max(lease.ttl / 10);
        // A call is never dropped in flight: its end would be missing in the record.
        if tokio::time::timeout(rest, over.cancelled()).await.is_ok() || !lease.keep_alive(renewer).await {
            return;
        }
    }
}
