//! Reads every member's own metrics once a second: they explain the speed of a run.
//!
//! Requests bypass the link proxies and use plain HTTP. A cluster with TLS is not supported.

mod text;

use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::metrics::{MemberMetrics, MetricsSample};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::endpoint::Endpoint;
use super::plain_http;
use crate::record::Sink;

pub use text::parse;

/// How often a member is read. Its totals show what happened between two samples, so more would add little.
const PERIOD: Duration = Duration::from_secs(1);

/// Timeout of a request. A paused member must not delay the next sample.
const TIMEOUT: Duration = Duration::from_millis(900);

/// The page of a busy member has some 200 KiB.
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// A member to read.
pub struct Source {
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// How often it has been started so far.
    pub incarnation: Box<dyn Fn() -> u32 + Send + Sync>,
}

/// Reads every member's metrics until it is stopped or dropped.
#[derive(Debug)]
pub struct MetricsReader {
    tasks: JoinSet<()>,
    stop: DropGuard,
}

impl MetricsReader {
    /// Starts reading. `sources` are in the order of the members.
    pub fn start(sources: Vec<Source>, sink: &Sink) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (source, position) in sources.into_iter().zip(0..) {
            let reading = read_on(MemberIndex(position), source, sink.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = reading => {}
                }
            });
        }
        Self { tasks, stop: stop.drop_guard() }
    }

    /// Stops reading; returns when nothing more will be recorded.
    pub async fn stop(mut self) {
        drop(self.stop);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Reads one member for ever.
async fn read_on(member: MemberIndex, source: Source, sink: Sink) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let incarnation = (source.incarnation)();
        let metrics = read(&source.endpoint).await;
        // When it was restarted meanwhile, it is not known which of the two processes answered.
        let metrics = metrics.filter(|_| (source.incarnation)() == incarnation);
        sink.record(Event::Metrics(MetricsSample { member, incarnation, at: sink.now(), metrics })).await;
    }
}

/// A member's current metrics; none when it does not answer in time.
async fn read(endpoint: &Endpoint) -> Option<MemberMetrics> {
    let page = timeout(TIMEOUT, plain_http::get(endpoint, "/metrics", PAGE_BYTES_MAX)).await.ok()?.ok()?;
    parse(&page)
}
