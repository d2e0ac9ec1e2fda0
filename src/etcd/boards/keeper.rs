//! The one task that knows every board and every stream, and records what becomes of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::watch::{ProgressRequested, StreamProgress, WatchBatch, WatchBody, WatchClosed, WatchEnd, WatchOptions};
use ticketcd_judge::model::{MemberIndex, Nanos, Revision};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::board::Board;
use super::stream::{Ask, News, Reading, What, pass_on};
use super::{Command, Start, Wish};
use crate::etcd::client::Client;
use crate::etcd::reach::Reach;
use crate::record::Sink;
use crate::settings::types;

/// How often it is looked after what is due.
const TICK: Duration = Duration::from_millis(50);
/// A member whose stream broke is left alone for so long.
const DOWN: Duration = Duration::from_millis(500);
/// A stream that says nothing for so long, and for three times as long as it is asked again, is given up.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// How often progress is asked for at the end, at least.
const CLOSING_PROGRESS: Duration = Duration::from_millis(200);
/// What was asked longer ago is not going to be answered: the connection would have been given up.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Messages that streams may have waiting here.
const NEWS_MAX: usize = 1024;
/// The watch id of what is said for all watches of a stream together.
const ALL_WATCHES: i64 = -1;

pub(super) struct Keeper {
    clients: Vec<Client>,
    /// Streams to each member.
    lanes: u8,
    boards_max: usize,
    progress_every: Duration,
    reach: Reach,
    sink: Sink,
    /// By their subscription.
    boards: BTreeMap<u32, Board>,
    /// Boards whose stream broke, while no member is to be asked.
    homeless: Vec<Board>,
    /// By their number.
    streams: BTreeMap<u32, Stream>,
    /// Until when each member is left alone.
    down_until: Vec<Instant>,
    next_board: u64,
    news: mpsc::Sender<News>,
    arriving: mpsc::Receiver<News>,
    closing: Option<Closing>,
}

struct Stream {
    member: MemberIndex,
    lane: u8,
    asks: mpsc::UnboundedSender<Ask>,
    reading: Arc<Reading>,
    /// Messages of it that were taken in here.
    taken: u64,
    /// Everything that had arrived on it by then was read and taken in.
    read_until: Nanos,
    /// When it last said something, or began.
    heard: Instant,
    /// When progress was last asked for, or it began.
    asked: Instant,
    /// When it was asked for without an answer yet. etcd leaves some without one.
    unanswered: VecDeque<Instant>,
    _task: AbortOnDropHandle<()>,
}

impl Stream {
    /// Notes that everything was read up to now, where that is so. Returns up to when it was.
    fn note_read(&mut self, now: Nanos) -> Nanos {
        if self.reading.is_waiting_after(self.taken) {
            self.read_until = now;
        }
        self.read_until
    }
}

/// The end, when it has been asked for.
struct Closing {
    revision: Revision,
    deadline: Instant,
    done: oneshot::Sender<()>,
}

impl Keeper {
    pub(super) fn new(clients: Vec<Client>, settings: &types::Boards, reach: Reach, sink: Sink) -> Self {
        let (news, arriving) = mpsc::channel(NEWS_MAX);
        Self {
            down_until: vec![Instant::now(); clients.len()],
            clients,
            lanes: settings.streams.max(1),
            boards_max: settings.open_max.max(1) as usize,
            progress_every: settings.progress_every.0,
            reach,
            sink,
            boards: BTreeMap::new(),
            homeless: Vec::new(),
            streams: BTreeMap::new(),
            next_board: 0,
            news,
            arriving,
            closing: None,
        }
    }

    /// Keeps the boards until it is asked to close them, or nobody can ask any more.
    pub(super) async fn keep(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_done() {
            tokio::select! {
                command = commands.recv(), if self.closing.is_none() => match command {
                    Some(Command::Open { wish, member, answered }) => self.open(wish, member, answered).await,
                    Some(Command::Close { revision, patience, done }) => {
                        self.closing = Some(Closing { revision, deadline: Instant::now() + patience, done });
                    }
                    None => break,
                },
                // Never none: there is a sender here.
                Some(news) = self.arriving.recv() => self.take_in(news).await,
                _ = ticks.tick() => self.look_after().await,
            }
        }
        for subscription in self.boards.keys().copied().collect::<Vec<_>>() {
            self.close(subscription).await;
        }
        if let Some(closing) = self.closing {
            // Whoever asked may have stopped waiting.
            let _ = closing.done.send(());
        }
    }

    /// Whether the end was asked for, and every board was told what it is owed or has been waited for long enough.
    fn is_done(&self) -> bool {
        let all_closed = self.boards.is_empty() && self.homeless.is_empty();
        self.closing.as_ref().is_some_and(|closing| all_closed || Instant::now() >= closing.deadline)
    }

    async fn open(&mut self, wish: Wish, member: MemberIndex, answered: oneshot::Sender<()>) {
        while self.boards.len() + self.homeless.len() >= self.boards_max {
            self.close_oldest().await;
        }
        let newest = self.reach.newest();
        let start = match wish.start {
            Start::Now => None,
            Start::Back(count) => Some((newest - i64::from(count)).max(1)),
            Start::Ahead(count) => Some(newest + i64::from(count)),
            Start::AtCompaction => Some(self.reach.compacted()).filter(|compacted| *compacted > 0),
            Start::At(revision) => Some(revision.max(1)),
        };
        let board = Board {
            key: wish.key,
            range_end: wish.range_end,
            options: WatchOptions { previous: wish.previous, progress: wish.progress, ..WatchOptions::default() },
            told: start.map(|revision| revision - 1),
            is_start_unknown: false,
            number: self.next_board,
            member,
            answered: Some(answered),
            resumes: None,
            stream: 0,
            created: false,
            overtaken: 0,
        };
        self.next_board += 1;
        self.place(board).await;
    }

    /// Puts a board on a stream to the member it would like to be at, or to the next one that is not left alone.
    async fn place(&mut self, mut board: Board) {
        let now = Instant::now();
        let members = self.down_until.len();
        let mut candidates = (0..members).map(|step| (board.member.index() + step) % members);
        let Some(member) = candidates.find(|index| self.down_until.get(*index).is_some_and(|until| *until <= now)) else {
            self.homeless.push(board);
            return;
        };
        let member = MemberIndex(u8::try_from(member).unwrap_or(0));
        let lane = u8::try_from(board.number % u64::from(self.lanes)).unwrap_or(0);
        let Some(number) = self.stream_to(member, lane) else { return };
        let subscription = self.sink.next_subscription();
        (board.stream, board.created) = (number, false);
        let unanswered = self.streams.get(&number).into_iter().flat_map(|stream| &stream.unanswered);
        board.overtaken = unanswered.filter(|asked| asked.elapsed() < ANSWER_MAX).count();
        let opened = board.opened(subscription, member, self.sink.now());
        let create = Ask::Create {
            id: watch_id(subscription),
            key: opened.key.clone(),
            range_end: opened.range_end.clone(),
            start_revision: opened.start_revision,
            options: opened.options,
        };
        self.sink.record(Event::WatchOpened(opened)).await;
        self.boards.insert(subscription, board);
        self.ask(number, create);
    }

    /// The number of the stream to a member on a lane; it is begun if there is none.
    fn stream_to(&mut self, member: MemberIndex, lane: u8) -> Option<u32> {
        let there = self.streams.iter().find(|(_, stream)| stream.member == member && stream.lane == lane);
        if let Some((number, _)) = there {
            return Some(*number);
        }
        let client = self.clients.get(member.index())?.clone();
        // Collectors' streams have the numbers of their subscriptions: one count for both.
        let number = self.sink.next_subscription();
        let (asks, asked) = mpsc::unbounded_channel();
        let reading = Arc::new(Reading::default());
        let task = tokio::spawn(pass_on(number, client, asked, self.news.clone(), reading.clone(), self.sink.clone()));
        let now = Instant::now();
        let stream = Stream {
            member,
            lane,
            asks,
            reading,
            taken: 0,
            read_until: self.sink.now(),
            heard: now,
            asked: now,
            unanswered: VecDeque::new(),
            _task: AbortOnDropHandle::new(task),
        };
        self.streams.insert(number, stream);
        Some(number)
    }

    /// A stream that is gone will say so itself.
    fn ask(&self, stream: u32, ask: Ask) {
        if let Some(stream) = self.streams.get(&stream) {
            let _ = stream.asks.send(ask);
        }
    }

    async fn take_in(&mut self, News { stream, at, what }: News) {
        // What a stream says that was given up meanwhile was told to nobody.
        let Some(from) = self.streams.get_mut(&stream) else { return };
        from.heard = Instant::now();
        from.taken += 1;
        match what {
            What::Broken(end) => self.give_up(stream, at, end).await,
            What::Message { id: ALL_WATCHES, revision, body: WatchBody::Progress } => {
                from.unanswered.pop_front();
                self.sink.record(Event::StreamProgress(StreamProgress { stream, at, revision })).await;
                for board in self.boards.values_mut().filter(|board| board.stream == stream) {
                    if board.overtaken > 0 {
                        board.overtaken -= 1;
                    } else if board.created {
                        board.tell(revision);
                    }
                }
            }
            // A refusal names no watch; they are answered in turn.
            What::Message { id: ALL_WATCHES, revision, body } => {
                let first = self.boards.iter().find(|(_, board)| board.stream == stream && !board.created);
                if let Some(subscription) = first.map(|(subscription, _)| *subscription) {
                    self.tell(subscription, at, revision, body).await;
                }
            }
            What::Message { id, revision, body } => {
                if let Some(subscription) = subscription_of(id) {
                    self.tell(subscription, at, revision, body).await;
                }
            }
        }
    }

    /// Takes in a message for one board. One that is closed is told no more.
    async fn tell(&mut self, subscription: u32, at: Nanos, revision: Revision, body: WatchBody) {
        let Some(board) = self.boards.get_mut(&subscription) else { return };
        board.note(revision, &body);
        if matches!(body, WatchBody::Cancelled { .. }) {
            self.boards.remove(&subscription);
        }
        self.sink.record(Event::WatchBatch(WatchBatch { subscription, at, revision, body })).await;
    }

    /// Gives a stream up and opens its boards elsewhere.
    async fn give_up(&mut self, number: u32, at: Nanos, end: WatchEnd) {
        let Some(stream) = self.streams.remove(&number) else { return };
        if let Some(until) = self.down_until.get_mut(stream.member.index()) {
            *until = Instant::now() + DOWN;
        }
        let with: Vec<u32> =
            self.boards.iter().filter(|(_, board)| board.stream == number).map(|(subscription, _)| *subscription).collect();
        for subscription in with {
            let Some(mut board) = self.boards.remove(&subscription) else { continue };
            let closed = WatchClosed { subscription, at, read_until: stream.read_until, end: end.clone() };
            self.sink.record(Event::WatchClosed(closed)).await;
            board.resumes = Some(subscription);
            self.place(board).await;
        }
    }

    async fn look_after(&mut self) {
        for board in std::mem::take(&mut self.homeless) {
            self.place(board).await;
        }
        if let Some(revision) = self.closing.as_ref().map(|closing| closing.revision) {
            let told = self.boards.iter().filter(|(_, board)| board.told.is_some_and(|told| told >= revision));
            for subscription in told.map(|(subscription, _)| *subscription).collect::<Vec<_>>() {
                self.close(subscription).await;
            }
        }
        for stream in self.streams.values_mut() {
            stream.note_read(self.sink.now());
        }
        let now = Instant::now();
        let mut empty: Vec<u32> = self.streams.keys().copied().collect();
        empty.retain(|number| self.boards.values().all(|board| board.stream != *number));
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
        for number in self.streams.keys().copied().filter(|number| !self.owes_answers(*number)).collect::<Vec<_>>() {
            if let Some(stream) = self.streams.get_mut(&number) {
                // Its silence counts from when an answer is owed.
                stream.heard = now;
            }
        }
        let silent = self.streams.iter().filter(|(_, stream)| now - stream.heard > silence_max).map(|(number, _)| *number);
        for number in silent.collect::<Vec<_>>() {
            self.give_up(number, self.sink.now(), WatchEnd::Silent).await;
        }
        for (number, stream) in &mut self.streams {
            let created = || self.boards.values().any(|board| board.stream == *number && board.created);
            if now - stream.asked >= every && created() {
                stream.asked = now;
                stream.unanswered.push_back(now);
                self.sink.record(Event::ProgressRequested(ProgressRequested { stream: *number, at: self.sink.now() })).await;
                // A stream that is gone will say so itself.
                let _ = stream.asks.send(Ask::Progress);
            }
        }
    }

    /// Whether a member that is well answers when progress is asked for on a stream. etcd does not while a board of the
    /// stream waits for a revision that is yet to come.
    fn owes_answers(&self, stream: u32) -> bool {
        let newest = self.reach.newest();
        self.boards.values().filter(|board| board.stream == stream).all(|board| board.told.is_none_or(|told| told <= newest))
    }

    async fn close_oldest(&mut self) {
        let oldest = self.boards.iter().min_by_key(|(_, board)| board.number).map(|(subscription, board)| (*subscription, board.number));
        let waiting = self.homeless.iter().enumerate().min_by_key(|(_, board)| board.number).map(|(at, board)| (at, board.number));
        match (oldest, waiting) {
            // It is closed in the record already.
            (oldest, Some((at, number))) if oldest.is_none_or(|(_, other)| number < other) => drop(self.homeless.remove(at)),
            (Some((subscription, _)), _) => self.close(subscription).await,
            (None, _) => {}
        }
    }

    async fn close(&mut self, subscription: u32) {
        let Some(board) = self.boards.remove(&subscription) else { return };
        self.ask(board.stream, Ask::Cancel(watch_id(subscription)));
        let at = self.sink.now();
        let read_until = self.streams.get_mut(&board.stream).map_or(at, |stream| stream.note_read(at));
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
