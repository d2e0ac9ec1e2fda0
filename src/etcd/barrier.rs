//! The end of the drain: a write through each member, which every member must then have applied.
//!
//! All requests that were sent before through a member's connections are ordered before the write through it.

use std::time::Duration;

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Put, Request};
use ticketcd_judge::history::{Blob, MemberIndex, Revision};
use ticketcd_judge::model::Keyspace;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::Client;
use super::recording_client::RecordingClient;
use crate::record::Sink;

/// Longest time for one answer: a write may wait for an election, and etcd gives up after 7 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);
/// The pause before a member is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// The barrier did not hold for all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct BarrierError {
    /// Members through which nothing could be written in time.
    pub not_written: Vec<MemberIndex>,
    /// Members that have not applied in time what was written.
    pub not_applied: Vec<MemberIndex>,
}

impl BarrierError {
    fn describe(&self) -> String {
        let names = |members: &[MemberIndex]| members.iter().map(|member| member.name()).collect::<Vec<_>>().join(", ");
        match (self.not_written.is_empty(), self.not_applied.is_empty()) {
            (false, _) => format!("no barrier could be written through {}", names(&self.not_written)),
            (true, _) => format!("the barrier was not applied by {}", names(&self.not_applied)),
        }
    }
}

/// Writes a barrier through each member and waits until all have applied the last one. Returns its revision. `clients`
/// are in the order of the members; the keys are `meta:barrier:{name}:{member}`.
///
/// # Errors
/// When a member does not get there within `timeout`.
pub async fn barrier(clients: &[Client], sink: &Sink, keys: &Keyspace, name: &str, timeout: Duration) -> Result<Revision, BarrierError> {
    let deadline = Instant::now() + timeout;
    let mut writes = JoinSet::new();
    for member in members(clients) {
        let caller = RecordingClient::new(clients.to_vec(), member, ANSWER_TIMEOUT.min(timeout), sink.clone());
        let key = keys.meta(format_args!("barrier:{name}:{}", member.name()));
        writes.spawn(async move { (member, write(caller, key, deadline).await) });
    }
    let written = writes.join_all().await;
    // Without any write nothing needs to be applied; the error then names the members.
    let highest = written.iter().filter_map(|(_, revision)| *revision).max().unwrap_or(0);
    let mut not_written: Vec<_> = written.iter().filter(|(_, revision)| revision.is_none()).map(|(member, _)| *member).collect();
    not_written.sort_unstable();

    let mut waits = JoinSet::new();
    for (member, client) in members(clients).zip(clients.iter().cloned()) {
        waits.spawn(async move { (member, applied(client, highest, deadline).await) });
    }
    let applied = waits.join_all().await;
    let mut not_applied: Vec<_> = applied.iter().filter(|(_, applied)| !applied).map(|(member, _)| *member).collect();
    not_applied.sort_unstable();

    if not_written.is_empty() && not_applied.is_empty() { Ok(highest) } else { Err(BarrierError { not_written, not_applied }) }
}

fn members(clients: &[Client]) -> impl Iterator<Item = MemberIndex> + use<> {
    (0..clients.len()).map(super::member_at)
}

/// Writes through one member until it is acknowledged. Each attempt has a value of its own, so that an attempt whose
/// answer was lost can still be found in the log.
async fn write(mut caller: RecordingClient, key: Blob, deadline: Instant) -> Option<Revision> {
    let mut revision = None;
    let mut attempt = 0_u32;
    while revision.is_none() && Instant::now() < deadline {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        attempt += 1;
        let put = Put { key: key.clone(), value: format!("{}-{attempt}", caller.worker()).into(), ..Put::default() };
        if let CallOutcome::Ok(answer) = caller.call(Purpose::Barrier, &[], Request::Put(put)).await {
            revision = Some(answer.revision);
        }
    }
    caller.close().await;
    revision
}

async fn applied(client: Client, revision: Revision, deadline: Instant) -> bool {
    loop {
        let remaining = deadline.saturating_duration_since(Instant::now());
        let reached = client.status(remaining).await.is_ok_and(|status| status.revision >= revision);
        if reached || remaining.is_zero() {
            return reached;
        }
        tokio::time::sleep(PAUSE.min(remaining)).await;
    }
}
