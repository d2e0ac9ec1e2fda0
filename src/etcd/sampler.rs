//! Samples the status of every member several times a second, independently of the others.
//!
//! Each answer, and each missing answer, goes into the record and into the [`View`], which resolves the targets of
//! faults and which health gates wait on. Requests bypass the link proxies, so that a member behind a partition still reports
//! whom it follows.

mod view;

use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::event::{Event, MemberSample};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use view::{Leadership, MemberView, NotInTime, View, await_view};

use super::client::Client;
use crate::record::Sink;

/// The sampling interval.
const PERIOD: Duration = Duration::from_millis(200);

/// Timeout of a request. Longer than a healthy member needs under load, short enough to notice a pause of a second.
const TIMEOUT: Duration = Duration::from_millis(700);

/// Samples every member until it is stopped or dropped.
#[derive(Debug)]
pub struct Sampler {
    view: watch::Receiver<View>,
    sink: Sink,
    tasks: JoinSet<()>,
    stop: DropGuard,
}

impl Sampler {
    /// Starts sampling. `clients` are in the order of the members.
    pub fn start(clients: Vec<Client>, sink: Sink) -> Self {
        let (publisher, view) = watch::channel(View::new(clients.len()));
        let publisher = Arc::new(publisher);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (client, position) in clients.into_iter().zip(0..) {
            let poll = poll(MemberIndex(position), client, sink.clone(), Arc::clone(&publisher));
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = poll => {}
                }
            });
        }
        Self { view, sink, tasks, stop: stop.drop_guard() }
    }

    /// How the cluster is, as of the latest answers.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Waits until a majority of the members follows a leader.
    ///
    /// # Errors
    /// When there is none in time; the error has what each member reports.
    pub async fn await_leader(&self, timeout: Duration) -> Result<MemberIndex, NotInTime> {
        let leader = |view: &View| view.leader().ok_or_else(|| vec![view.no_leader()]);
        await_view(&mut self.view(), timeout, leader).await
    }

    /// Waits until all members answer and follow the same leader, by answers to questions asked from now on.
    ///
    /// # Errors
    /// When that is not so in time; the error has what is missing.
    pub async fn await_all_healthy(&self, timeout: Duration) -> Result<MemberIndex, NotInTime> {
        let since = self.sink.now();
        await_view(&mut self.view(), timeout, |view| view.all_healthy(since)).await
    }

    /// Stops sampling; returns when nothing more will be recorded.
    pub async fn stop(mut self) {
        drop(self.stop);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Samples one member for ever.
async fn poll(member: MemberIndex, client: Client, sink: Sink, publisher: Arc<watch::Sender<View>>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked = sink.now();
        let status = client.status(TIMEOUT).await.ok();
        let at = sink.now();
        publisher.send_modify(|view| view.note(member, asked, at, status.clone()));
        sink.record(Event::Sample(MemberSample { member, at, status })).await;
    }
}
