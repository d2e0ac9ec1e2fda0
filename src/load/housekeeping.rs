//! The maintenance of a cluster during the load: compaction, and defragmentation of one member after the other.

use std::time::Duration;

use ticketcd_judge::history::annotation::{Purpose, QueryClosed};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::maintenance::MaintenanceRequest;
use ticketcd_judge::history::request::Request;
use ticketcd_judge::history::{MemberIndex, Nanos, Revision};
use tokio_util::sync::CancellationToken;

use crate::etcd::{Client, CollectorProgress, RecordingClient};
use crate::record::Sink;
use crate::scenario::types;

/// Longest time for a compaction: etcd gives up after 7 s, elections included.
const COMPACT_TIMEOUT: Duration = Duration::from_secs(8);
/// Longest time for a defragmentation: it copies the whole database, and a member that is paused does not begin.
const DEFRAGMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// The compactions and defragmentations of a load.
pub struct Housekeeping {
    settings: types::Housekeeping,
    clients: Vec<Client>,
    collector_progress: CollectorProgress,
    sink: Sink,
}

impl Housekeeping {
    /// `clients` are in the order of the members; `collector_progress` is how far the collectors are.
    pub fn new(settings: &types::Housekeeping, clients: &[Client], collector_progress: CollectorProgress, sink: &Sink) -> Self {
        Self { settings: settings.clone(), clients: clients.to_vec(), collector_progress, sink: sink.clone() }
    }

    /// Runs until `over`; in-flight calls complete.
    pub async fn keep(&self, over: &CancellationToken) {
        tokio::join!(self.compact(over), self.defragment(over));
    }

    async fn compact(&self, over: &CancellationToken) {
        let every = self.settings.compact_every.0;
        if every.is_zero() {
            return;
        }
        let mut caller = self.caller(COMPACT_TIMEOUT);
        let (mut before, mut compacted) = (self.collector_progress.of_each(), 0);
        while let Some(due) = self.pause(every, over).await {
            let collector_progress = self.collector_progress.of_each();
            let target = target(&collector_progress, &before, self.settings.keep_revisions);
            before = collector_progress;
            // etcd refuses to compact to where it is compacted already.
            if target > compacted && self.ask(&mut caller, Purpose::Housekeeping, Request::compact(target), due).await {
                compacted = target;
                self.collector_progress.note_compaction(target);
            }
            caller.rotate();
        }
        caller.close().await;
    }

    async fn defragment(&self, over: &CancellationToken) {
        let every = self.settings.defragment_every.0;
        if every.is_zero() {
            return;
        }
        let mut caller = self.caller(DEFRAGMENT_TIMEOUT);
        while let Some(due) = self.pause(every, over).await {
            self.ask(&mut caller, Purpose::Defragment, Request::Maintenance(MaintenanceRequest::Defragment), due).await;
            caller.rotate();
        }
        caller.close().await;
    }

    fn caller(&self, timeout: Duration) -> RecordingClient {
        RecordingClient::new(self.clients.clone(), MemberIndex(0), timeout, self.sink.clone())
    }

    /// Waits for the next interval and returns when it was due; none when the load is over.
    async fn pause(&self, every: Duration, over: &CancellationToken) -> Option<Nanos> {
        tokio::time::timeout(every, over.cancelled()).await.is_err().then(|| self.sink.now())
    }

    /// Makes a call that is measured like a buyer's operation. Returns whether it succeeded.
    async fn ask(&self, caller: &mut RecordingClient, purpose: Purpose, request: Request, due: Nanos) -> bool {
        let sent = self.sink.now();
        let answered = matches!(caller.call(purpose, &[], request).await, CallOutcome::Ok(_));
        let closed = QueryClosed { worker: caller.worker(), purpose, due, sent, done: self.sink.now(), answered };
        self.sink.record(Event::QueryClosed(closed)).await;
        answered
    }
}

/// The revision to compact at: as far behind the newest revision as configured, and never past what a
/// collector has yet to store. A collector whose member is down for longer holds nothing up: it is not among those that
/// have come further since `before` (nor at the newest revision), and the others have what it misses.
fn target(reached: &[Revision], before: &[Revision], keep: u32) -> Revision {
    // Without collectors nothing is compacted: there is no revision 0.
    let newest = reached.iter().copied().max().unwrap_or(0);
    let living = reached.iter().zip(before).filter(|(now, before)| now > before || **now == newest);
    let stored = living.map(|(now, _)| *now).min().unwrap_or(0);
    (newest - i64::from(keep)).min(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_compacted_that_a_living_collector_still_needs() {
        assert_eq!(target(&[9_000, 9_100, 9_050], &[8_000, 8_000, 8_000], 1_000), 8_100);
        // One that lags but comes on.
        assert_eq!(target(&[9_000, 7_000, 9_050], &[8_000, 6_000, 8_000], 1_000), 7_000);
        // One that is down.
        assert_eq!(target(&[9_000, 7_000, 9_050], &[8_000, 7_000, 8_000], 1_000), 8_050);
        // No writes.
        assert_eq!(target(&[9_000, 9_000, 9_000], &[9_000, 9_000, 9_000], 1_000), 8_000);
        assert_eq!(target(&[10, 10], &[0, 0], 1_000), -990);
        assert_eq!(target(&[], &[], 10), -10);
    }
}
