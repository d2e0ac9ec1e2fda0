//! The task that owns every watch and every stream, and records their events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::watch::{ProgressRequested, StreamProgress, WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchOptions};
use ticketcd_judge::history::{MemberIndex, Nanos, Revision};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::stream::{Reading, StreamCommand, StreamEvent, StreamEventKind, forward};
use super::watcher::Watcher;
use super::{Command, Start, WatchRequest};
use crate::etcd::client::Client;
use crate::etcd::collector_progress::CollectorProgress;
use crate::record::Sink;
use crate::settings::types;

/// How often due work is checked.
const TICK: Duration = Duration::from_millis(50);
/// How long no stream to a member is opened after one broke.
const DOWN: Duration = Duration::from_millis(500);
/// A stream without any message for this long, and for three progress intervals, is closed as silent.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// The longest interval between progress requests while the watches are being closed.
const CLOSING_PROGRESS: Duration = Duration::from_millis(200);
/// A progress request older than this is not answered any more: its connection would have been closed.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Capacity of the queue of stream events.
const EVENTS_MAX: usize = 1024;
/// The watch id of a message for all watches of a stream.
const ALL_WATCHES: i64 = -1;

pub(super) struct WatchManager {
    clients: Vec<Client>,
    /// Streams to each member.
    channels: u8,
    watchers_max: usize,
    progress_every: Duration,
    collector_progress: CollectorProgress,
    sink: Sink,
    /// By their subscription.
    watchers: BTreeMap<u32, Watcher>,
    /// Watches whose stream broke, while no member is available.
    unassigned: Vec<Watcher>,
    /// By their number.
    streams: BTreeMap<u32, Stream>,
    /// Until when no stream to each member is opened.
    down_until: Vec<Instant>,
    next_watcher: u64,
    events: mpsc::Sender<StreamEvent>,
    incoming: mpsc::Receiver<StreamEvent>,
    closing: Option<Closing>,
}

struct Stream {
    member: MemberIndex,
    channel: u8,
    commands: mpsc::UnboundedSender<StreamCommand>,
    reading: Arc<Reading>,
    /// Messages of it that were processed here.
    taken: u64,
    /// Everything that had arrived on it by then was read and processed.
    read_until: Nanos,
    /// When its last message arrived, or it began.
    last_message: Instant,
    /// When progress was last requested, or it began.
    progress_requested: Instant,
    /// When the unanswered progress requests were sent. etcd never answers some.
    unanswered: VecDeque<Instant>,
    _task: AbortOnDropHandle<()>,
}

impl Stream {
    /// Advances `read_until` to now if everything that arrived was read. Returns it.
    fn note_read(&mut self, now: Nanos) -> Nanos {
        if self.reading.is_waiting_after(self.taken) {
            self.read_until = now;
        }
        self.read_until
    }
}

/// A pending request to close all watches.
struct Closing {
    revision: Revision,
    deadline: Instant,
    done: oneshot::Sender<()>,
}

impl WatchManager {
    pub(super) fn new(clients: Vec<Client>, settings: &types::Boards, collector_progress: CollectorProgress, sink: Sink) -> Self {
        let (events, incoming) = mpsc::channel(EVENTS_MAX);
        Self {
            down_until: vec![Instant::now(); clients.len()],
            clients,
            channels: settings.streams.max(1),
            watchers_max: settings.open_max.max(1) as usize,
            progress_every: settings.progress_every.0,
            collector_progress,
            sink,
            watchers: BTreeMap::new(),
            unassigned: Vec::new(),
            streams: BTreeMap::new(),
            next_watcher: 0,
            events,
            incoming,
            closing: None,
        }
    }

    /// Maintains the watches until it is asked to close them, or every handle is dropped.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_done() {
            tokio::select! {
                command = commands.recv(), if self.closing.is_none() => match command {
                    Some(Command::Open { request, member, answered }) => self.open(request, member, answered).await,
                    Some(Command::Close { revision, grace, done }) => {
                        self.closing = Some(Closing { revision, deadline: Instant::now() + grace, done });
                    }
                    None => break,
                },
                // Never `None`: `self.events` is a sender.
                Some(events) = self.incoming.recv() => self.process(events).await,
                _ = ticks.tick() => self.tick().await,
            }
        }
        for subscription in self.watchers.keys().copied().collect::<Vec<_>>() {
            self.close(subscription).await;
        }
        if let Some(closing) = self.closing {
            // The receiver may have stopped waiting.
            let _ = closing.done.send(());
        }
    }

    /// Whether closing was requested, and every watch has received what it must or the deadline has passed.
    fn is_done(&self) -> bool {
        let all_closed = self.watchers.is_empty() && self.unassigned.is_empty();
        self.closing.as_ref().is_some_and(|closing| all_closed || Instant::now() >= closing.deadline)
    }

    async fn open(&mut self, request: WatchRequest, member: MemberIndex, answered: oneshot::Sender<()>) {
        while self.watchers.len() + self.unassigned.len() >= self.watchers_max {
            self.close_oldest().await;
        }
        let newest = self.collector_progress.newest();
        let start = match request.start {
            Start::Now => None,
            Start::Back(count) => Some((newest - i64::from(count)).max(1)),
            Start::Ahead(count) => Some(newest + i64::from(count)),
            Start::AtCompaction => Some(self.collector_progress.compacted()).filter(|compacted| *compacted > 0),
            Start::At(revision) => Some(revision.max(1)),
        };
        let watcher = Watcher {
            key: request.key,
            range_end: request.range_end,
            options: WatchOptions { previous: request.previous, progress: request.progress, ..WatchOptions::default() },
            received: start.map(|revision| revision - 1),
            is_start_unknown: false,
            number: self.next_watcher,
            member,
            answered: Some(answered),
            resumes: None,
            stream: 0,
            created: false,
            overtaken: 0,
        };
        self.next_watcher += 1;
        self.assign(watcher).await;
    }

    /// Opens a watch on a stream to its preferred member, or to the next available one.
    async fn assign(&mut self, mut watcher: Watcher) {
        let now = Instant::now();
        let members = self.down_until.len();
        let mut candidates = (0..members).map(|step| (watcher.member.index() + step) % members);
        let Some(member) = candidates.find(|index| self.down_until.get(*index).is_some_and(|until| *until <= now)) else {
            self.unassigned.push(watcher);
            return;
        };
        let member = crate::etcd::member_at(member);
        // A remainder of a `u8` is one.
        let channel = u8::try_from(watcher.number % u64::from(self.channels)).unwrap_or(0);
        let Some(number) = self.stream_to(member, channel) else { return };
        let subscription = self.sink.next_subscription();
        (watcher.stream, watcher.created) = (number, false);
        let unanswered = self.streams.get(&number).into_iter().flat_map(|stream| &stream.unanswered);
        watcher.overtaken = unanswered.filter(|asked| asked.elapsed() < ANSWER_MAX).count();
        let opened = watcher.opened(subscription, member, self.sink.now());
        let create = StreamCommand::Create {
            id: watch_id(subscription),
            key: opened.key.clone(),
            range_end: opened.range_end.clone(),
            start_revision: opened.start_revision,
            options: opened.options,
        };
        self.sink.record(Event::WatchOpened(opened)).await;
        self.watchers.insert(subscription, watcher);
        self.command(number, create);
    }

    /// The number of the stream to a member on a channel; it is opened if there is none.
    fn stream_to(&mut self, member: MemberIndex, channel: u8) -> Option<u32> {
        let there = self.streams.iter().find(|(_, stream)| stream.member == member && stream.channel == channel);
        if let Some((number, _)) = there {
            return Some(*number);
        }
        let client = self.clients.get(member.index())?.clone();
        // Streams and subscriptions share one counter, as a collector's stream has the number of its subscription.
        let number = self.sink.next_subscription();
        let (commands, received) = mpsc::unbounded_channel();
        let reading = Arc::new(Reading::default());
        let task = tokio::spawn(forward(number, client, received, self.events.clone(), reading.clone(), self.sink.clone()));
        let now = Instant::now();
        let stream = Stream {
            member,
            channel,
            commands,
            reading,
            taken: 0,
            read_until: self.sink.now(),
            last_message: now,
            progress_requested: now,
            unanswered: VecDeque::new(),
            _task: AbortOnDropHandle::new(task),
        };
        self.streams.insert(number, stream);
        Some(number)
    }

    /// Sends a command to a stream. A stream that has ended reports that itself.
    fn command(&self, stream: u32, command: StreamCommand) {
        if let Some(stream) = self.streams.get(&stream) {
            let _ = stream.commands.send(command);
        }
    }

    async fn process(&mut self, StreamEvent { stream, at, kind }: StreamEvent) {
        // Messages of a stream that was closed meanwhile are discarded.
        let Some(from) = self.streams.get_mut(&stream) else { return };
        from.last_message = Instant::now();
        from.taken += 1;
        match kind {
            StreamEventKind::Broken(end) => self.close_stream(stream, at, end).await,
            StreamEventKind::Message { id: ALL_WATCHES, revision, body: WatchBody::Progress } => {
                from.unanswered.pop_front();
                self.sink.record(Event::StreamProgress(StreamProgress { stream, at, revision })).await;
                for watcher in self.watchers.values_mut().filter(|watcher| watcher.stream == stream) {
                    if watcher.overtaken > 0 {
                        watcher.overtaken -= 1;
                    } else if watcher.created {
                        watcher.note_received(revision);
                    }
                }
            }
            // A refusal names no watch; requests are answered in order.
            StreamEventKind::Message { id: ALL_WATCHES, revision, body } => {
                let first = self.watchers.iter().find(|(_, watcher)| watcher.stream == stream && !watcher.created);
                if let Some(subscription) = first.map(|(subscription, _)| *subscription) {
                    self.deliver(subscription, at, revision, body).await;
                }
            }
            StreamEventKind::Message { id, revision, body } => {
                if let Some(subscription) = subscription_of(id) {
                    self.deliver(subscription, at, revision, body).await;
                }
            }
        }
    }

    /// Processes a message for one watch. Messages for a closed watch are discarded.
    async fn deliver(&mut self, subscription: u32, at: Nanos, revision: Revision, body: WatchBody) {
        let Some(watcher) = self.watchers.get_mut(&subscription) else { return };
        watcher.note(revision, &body);
        if matches!(body, WatchBody::Cancelled { .. }) {
            self.watchers.remove(&subscription);
        }
        self.sink.record(Event::WatchBatch(WatchBatch { subscription, at, revision, body })).await;
    }

    /// Closes a stream and reopens its watches elsewhere.
    async fn close_stream(&mut self, number: u32, at: Nanos, end: WatchEnd) {
        let Some(stream) = self.streams.remove(&number) else { return };
        if let Some(until) = self.down_until.get_mut(stream.member.index()) {
            *until = Instant::now() + DOWN;
        }
        let with: Vec<u32> =
            self.watchers.iter().filter(|(_, watcher)| watcher.stream == number).map(|(subscription, _)| *subscription).collect();
        for subscription in with {
            let Some(mut watcher) = self.watchers.remove(&subscription) else { continue };
            let closed = WatchClosed { subscription, at, read_until: stream.read_until, end: end.clone() };
            self.sink.record(Event::WatchClosed(closed)).await;
            watcher.resumes = Some(subscription);
            self.assign(watcher).await;
        }
    }

    async fn tick(&mut self) {
        for watcher in std::mem::take(&mut self.unassigned) {
            self.assign(watcher).await;
        }
        if let Some(revision) = self.closing.as_ref().map(|closing| closing.revision) {
            let received = self.watchers.iter().filter(|(_, watcher)| watcher.received.is_some_and(|received| received >= revision));
            for subscription in received.map(|(subscription, _)| *subscription).collect::<Vec<_>>() {
                self.close(subscription).await;
            }
        }
        for stream in self.streams.values_mut() {
            stream.note_read(self.sink.now());
        }
        let now = Instant::now();
        let mut empty: Vec<u32> = self.streams.keys().copied().collect();
        empty.retain(|number| self.watchers.values().all(|watcher| watcher.stream != *number));
        for number in empty {
            self.streams.remove(&number);
        }
        let every = match (&self.closing, self.progress_every) {
            (Some(_), Duration::ZERO) => CLOSING_PROGRESS,
            (Some(_), every) => every.min(CLOSING_PROGRESS),
            (None, every) => every,
        };
        if every.is_zero() {
            return;
        }
        let silence_max = SILENCE_MAX.max(every * 3);
        for number in self.streams.keys().copied().filter(|number| !self.answers_are_due(*number)).collect::<Vec<_>>() {
            if let Some(stream) = self.streams.get_mut(&number) {
                // Silence counts from when an answer is due.
                stream.last_message = now;
            }
        }
        let silent = self.streams.iter().filter(|(_, stream)| now - stream.last_message > silence_max).map(|(number, _)| *number);
        for number in silent.collect::<Vec<_>>() {
            self.close_stream(number, self.sink.now(), WatchEnd::Silent).await;
        }
        for (number, stream) in &mut self.streams {
            let created = || self.watchers.values().any(|watcher| watcher.stream == *number && watcher.created);
            if now - stream.progress_requested >= every && created() {
                stream.progress_requested = now;
                stream.unanswered.push_back(now);
                self.sink.record(Event::ProgressRequested(ProgressRequested { stream: *number, at: self.sink.now() })).await;
                // A stream that has ended reports that itself.
                let _ = stream.commands.send(StreamCommand::Progress);
            }
        }
    }

    /// Whether a healthy member answers a progress request on a stream. etcd does not while a watch of the stream waits for a
    /// future revision.
    fn answers_are_due(&self, stream: u32) -> bool {
        let newest = self.collector_progress.newest();
        self.watchers
            .values()
            .filter(|watcher| watcher.stream == stream)
            .all(|watcher| watcher.received.is_none_or(|received| received <= newest))
    }

    async fn close_oldest(&mut self) {
        let oldest =
            self.watchers.iter().min_by_key(|(_, watcher)| watcher.number).map(|(subscription, watcher)| (*subscription, watcher.number));
        let waiting =
            self.unassigned.iter().enumerate().min_by_key(|(_, watcher)| watcher.number).map(|(at, watcher)| (at, watcher.number));
        match (oldest, waiting) {
            // Its closing is already recorded.
            (oldest, Some((at, number))) if oldest.is_none_or(|(_, other)| number < other) => drop(self.unassigned.remove(at)),
            (Some((subscription, _)), _) => self.close(subscription).await,
            (None, _) => {}
        }
    }

    async fn close(&mut self, subscription: u32) {
        let Some(watcher) = self.watchers.remove(&subscription) else { return };
        self.command(watcher.stream, StreamCommand::Cancel(watch_id(subscription)));
        let at = self.sink.now();
        let read_until = self.streams.get_mut(&watcher.stream).map_or(at, |stream| stream.note_read(at));
        let closed = WatchClosed { subscription, at, read_until, end: WatchEnd::Closed };
        self.sink.record(Event::WatchClosed(closed)).await;
    }
}

/// The id under which a subscription is known on its stream. 0 would let etcd choose.
fn watch_id(subscription: u32) -> i64 {
    i64::from(subscription) + 1
}

fn subscription_of(watch_id: i64) -> Option<u32> {
    u32::try_from(watch_id - 1).ok()
}
