//! The evidence: one collector per member watches the whole key space and records everything it receives.
//!
//! A collector outlives its member's crashes. When its stream breaks it subscribes again, from the revision after
//! the last event it has. A bookmark never moves that point: members have been seen to send bookmarks ahead of events
//! (etcd issue 15220).

use std::time::Duration;

use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::watch::{WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchOpened};
use ticketcd_judge::history::{MemberIndex, Revision};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::Client;
use super::collector_progress::CollectorProgress;
use super::watch::{Watch, WatchRange};
use crate::record::Sink;

/// How often a bookmark is requested.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// A watch without any message for this long, although bookmarks are requested, is closed and reopened.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// Longest time for a watch to be set up.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before a member is asked again: it doubles up to the second value while the member does not answer.
const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_millis(500);

/// The collectors of a run, one for each member. Dropping it stops them.
pub struct Collectors {
    collectors: Vec<Collector>,
    collector_progress: CollectorProgress,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct Collector {
    progress: watch::Receiver<Revision>,
    task: JoinHandle<()>,
}

impl Collectors {
    /// Starts a collector for each member; `clients` are in their order. What is delivered begins at `start_revision`.
    pub fn start(clients: &[Client], sink: &Sink, start_revision: Revision) -> Self {
        let stop = CancellationToken::new();
        let collector = |(index, client): (usize, &Client)| {
            let (sender, progress) = watch::channel(0);
            let worker = Worker {
                client: client.clone(),
                member: super::member_at(index),
                sink: sink.clone(),
                next_revision: start_revision,
                last_event: 0,
                progress: sender,
                stop: stop.clone(),
            };
            Collector { progress, task: tokio::spawn(worker.collect()) }
        };
        let collectors: Vec<Collector> = clients.iter().enumerate().map(collector).collect();
        let collector_progress = CollectorProgress::new(collectors.iter().map(|collector| collector.progress.clone()).collect());
        Self { collectors, collector_progress, _stop_on_drop: stop.clone().drop_guard(), stop }
    }

    /// The revision of the last event that a member has delivered; 0 before the first.
    pub fn progress(&self, member: MemberIndex) -> Option<watch::Receiver<Revision>> {
        self.collectors.get(member.index()).map(|collector| collector.progress.clone())
    }

    /// The progress of all of them.
    pub fn collector_progress(&self) -> CollectorProgress {
        self.collector_progress.clone()
    }

    /// Waits until every member has delivered the events of `revision`.
    ///
    /// # Errors
    /// The members that have not, when the time is up.
    pub async fn await_revision(&self, revision: Revision, timeout: Duration) -> Result<(), Vec<MemberIndex>> {
        let deadline = Instant::now() + timeout;
        let mut lagging = Vec::new();
        for (index, collector) in self.collectors.iter().enumerate() {
            let mut progress = collector.progress.clone();
            let reached = tokio::time::timeout_at(deadline, progress.wait_for(|&seen| seen >= revision)).await;
            if !matches!(reached, Ok(Ok(_))) {
                lagging.push(super::member_at(index));
            }
        }
        if lagging.is_empty() { Ok(()) } else { Err(lagging) }
    }

    /// Closes every watch and waits until that is recorded.
    pub async fn stop(self) {
        self.stop.cancel();
        for collector in self.collectors {
            // A collector that panicked has left its subscription open, which the record shows.
            let _ = collector.task.await;
        }
    }
}

struct Worker {
    client: Client,
    member: MemberIndex,
    sink: Sink,
    next_revision: Revision,
    last_event: Revision,
    progress: watch::Sender<Revision>,
    stop: CancellationToken,
}

impl Worker {
    async fn collect(mut self) {
        let stop = self.stop.clone();
        let mut back_off = BACK_OFF_MIN;
        loop {
            let subscription = self.sink.next_subscription();
            let range = WatchRange::everything(self.next_revision);
            self.record_opened(subscription).await;
            let mut delivered = false;
            let ended = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                reason = self.follow(subscription, &range, &mut delivered) => Some(reason),
            };
            let at = self.sink.now();
            let end = ended.clone().unwrap_or(WatchEnd::Closed);
            self.sink.record(Event::WatchClosed(WatchClosed { subscription, at, read_until: at, end })).await;
            if ended.is_none() {
                return;
            }
            back_off = if delivered { BACK_OFF_MIN } else { (back_off * 2).min(BACK_OFF_MAX) };
            // A stop ends the pause; the next iteration sees it.
            let _ = tokio::time::timeout(back_off, stop.cancelled()).await;
        }
    }

    /// Reads one subscription until it ends; returns why.
    async fn follow(&mut self, subscription: u32, range: &WatchRange, delivered: &mut bool) -> WatchEnd {
        let mut watch = match tokio::time::timeout(OPEN_TIMEOUT, Watch::open(&self.client, range)).await {
            Ok(Ok(watch)) => watch,
            Ok(Err(error)) => return WatchEnd::Failed { error: error.to_string() },
            Err(_) => return WatchEnd::NotOpened,
        };
        let mut ticks = tokio::time::interval_at(Instant::now() + PROGRESS_INTERVAL, PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline = Instant::now() + SILENCE_MAX;
        loop {
            let message = tokio::select! {
                message = tokio::time::timeout_at(deadline, watch.message()) => message,
                _ = ticks.tick() => match watch.request_progress().await {
                    Ok(()) => continue,
                    Err(end) => return end,
                },
            };
            let (revision, body) = match message {
                Ok(Ok(message)) => message,
                Ok(Err(end)) => return end,
                Err(_) => return WatchEnd::Silent,
            };
            let at = self.sink.now();
            let ended = self.note(&body);
            *delivered |= ended.is_none();
            self.sink.record(Event::WatchBatch(WatchBatch { subscription, at, revision, body })).await;
            // Published after recording, so that a revision that was waited for is in the record.
            self.progress.send_if_modified(|progress| {
                let further = self.last_event > *progress;
                *progress = self.last_event.max(*progress);
                further
            });
            if let Some(end) = ended {
                return end;
            }
            deadline = Instant::now() + SILENCE_MAX;
        }
    }

    /// Notes how far a message brings us, and why the watch has ended if it has.
    fn note(&mut self, body: &WatchBody) -> Option<WatchEnd> {
        match body {
            WatchBody::Created | WatchBody::Progress => None,
            WatchBody::Events(events) => {
                let last = super::last_revision(events);
                self.last_event = self.last_event.max(last);
                self.next_revision = self.next_revision.max(last + 1);
                None
            }
            WatchBody::Cancelled { compact_revision, .. } => {
                // Revisions below the compaction are no longer available; the record shows the gap.
                self.next_revision = self.next_revision.max(*compact_revision);
                Some(WatchEnd::Cancelled)
            }
        }
    }

    async fn record_opened(&self, subscription: u32) {
        let opened = WatchOpened::collector(subscription, self.member, self.next_revision, self.sink.now());
        self.sink.record(Event::WatchOpened(opened)).await;
    }
}
