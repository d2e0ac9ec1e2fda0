//! Client watches on real etcd: each receives everything in its range, once and in order, even when its stream breaks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use ticketcd::etcd::watches::{Start, WatchRequest, Watches};
use ticketcd::etcd::{Client, Collectors};
use ticketcd::record::Sink;
use ticketcd::scenario::types;
use ticketcd::scenario::units::Span;
use ticketcd::testbed::{Route, Testbed};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{Put, Request};
use ticketcd_judge::history::watch::{WatchBody, WatchEvent, WatchOpened, WatchRole};
use ticketcd_judge::history::{MemberIndex, Revision};
use ticketcd_judge::model::keys::prefix_end;

use crate::member::{Kept, Member, TIMEOUT};
use crate::support::{eventually, start_testbed};

const PATIENCE: Duration = Duration::from_secs(30);

fn settings() -> types::Boards {
    types::Boards { open_max: 100, streams: 2, progress_every: Span::milliseconds(100) }
}

/// A watch for all keys that begin with a prefix.
fn below(prefix: &str, start: Start) -> WatchRequest {
    WatchRequest { key: prefix.into(), range_end: prefix_end(prefix.as_bytes()), start, previous: true, progress: true }
}

/// Writes through a client until it is acknowledged.
async fn put(client: &Client, key: &str, value: &str) -> Revision {
    let request = Request::Put(Put { key: key.into(), value: value.into(), ..Put::default() });
    let mut revision = 0;
    eventually("a write is acknowledged", async || {
        if let CallOutcome::Ok(answer) = client.call(&request, Duration::from_secs(2)).await {
            revision = answer.revision;
        }
        revision > 0
    })
    .await;
    revision
}

/// What was recorded of all subscriptions.
#[derive(Default)]
struct Received {
    opened: BTreeMap<u32, WatchOpened>,
    events: HashMap<u32, Vec<WatchEvent>>,
    created: HashMap<u32, Revision>,
    /// Whether its owner closed it.
    closed: HashMap<u32, bool>,
    /// By the member, below this compaction.
    cancelled: HashMap<u32, Revision>,
    /// What the collectors received: the evidence.
    log: BTreeMap<Revision, Vec<WatchEvent>>,
}

impl Received {
    fn of(events: &[Event]) -> Self {
        let mut received = Self::default();
        let mut collectors = BTreeSet::new();
        for event in events {
            match event {
                Event::WatchOpened(opened) if opened.role == WatchRole::Collector => drop(collectors.insert(opened.subscription)),
                Event::WatchOpened(opened) => drop(received.opened.insert(opened.subscription, opened.clone())),
                Event::WatchBatch(batch) if !collectors.contains(&batch.subscription) => {
                    let subscription = batch.subscription;
                    assert!(
                        !received.closed.contains_key(&subscription) && !received.cancelled.contains_key(&subscription),
                        "received after its end"
                    );
                    match &batch.body {
                        WatchBody::Created => assert_eq!(received.created.insert(subscription, batch.revision), None),
                        WatchBody::Events(events) => {
                            assert!(received.created.contains_key(&subscription), "created comes first");
                            received.events.entry(subscription).or_default().extend(events.iter().cloned());
                        }
                        WatchBody::Progress => {}
                        WatchBody::Cancelled { compact_revision, .. } => drop(received.cancelled.insert(subscription, *compact_revision)),
                    }
                }
                Event::WatchClosed(closed) if collectors.contains(&closed.subscription) => {}
                Event::WatchClosed(closed) => drop(received.closed.insert(closed.subscription, closed.is_intended())),
                Event::WatchBatch(batch) => {
                    if let WatchBody::Events(events) = &batch.body {
                        let mut by_revision: BTreeMap<_, Vec<_>> = BTreeMap::new();
                        for event in events {
                            by_revision.entry(event.kv.mod_revision).or_default().push(event.clone());
                        }
                        received.log.extend(by_revision);
                    }
                }
                _ => {}
            }
        }
        received
    }

    /// The subscriptions of each watch, one after the other.
    fn watches(&self) -> Vec<Vec<&WatchOpened>> {
        let mut watches: Vec<Vec<&WatchOpened>> = Vec::new();
        for opened in self.opened.values() {
            match opened.resumes {
                None => watches.push(vec![opened]),
                Some(before) => {
                    let watch = watches.iter_mut().find(|watch| watch.last().is_some_and(|last| last.subscription == before));
                    watch.unwrap_or_else(|| panic!("{before} is resumed twice or unknown")).push(opened);
                }
            }
        }
        watches
    }

    /// Everything that a watch received, over all its subscriptions.
    fn all(&self, watch: &[&WatchOpened]) -> Vec<(Revision, String)> {
        let events = watch.iter().flat_map(|opened| self.events.get(&opened.subscription).into_iter().flatten());
        events.map(|event| (event.kv.mod_revision, event.kv.value.to_text())).collect()
    }

    /// What it must receive: everything in its range from its start to `last`.
    fn expected(&self, watch: &[&WatchOpened], last: Revision) -> Vec<(Revision, String)> {
        let first = watch[0];
        let start = if first.start_revision > 0 { first.start_revision } else { self.created[&first.subscription] + 1 };
        let events = self.log.range(start..=last.max(start)).flat_map(|(_, events)| events);
        let within = events.filter(|event| event.kv.key >= first.key && event.kv.key < first.range_end);
        within.map(|event| (event.kv.mod_revision, event.kv.value.to_text())).collect()
    }
}

/// One member and its watches.
struct Single {
    _etcd: Member,
    client: Client,
    collectors: Collectors,
    watches: Watches,
    kept: Kept,
}

impl Single {
    async fn start(settings: &types::Boards) -> Self {
        let etcd = Member::start(&[]).await;
        let client = etcd.client().await;
        let (kept, sink, _recorder) = Kept::start();
        let collectors = Collectors::start(std::slice::from_ref(&client), &sink, 1);
        let watches = Watches::start(std::slice::from_ref(&client), settings, TIMEOUT, collectors.collector_progress(), &sink);
        Self { _etcd: etcd, client, collectors, watches, kept }
    }

    async fn open(&self, request: WatchRequest) {
        assert!(self.watches.handle().open(request, MemberIndex(0)).await);
    }

    /// Writes keys one after the other and returns the last revision.
    async fn write(&self, count: u32) -> Revision {
        let mut last = 0;
        for number in 0..count {
            last = put(&self.client, &format!("a:{}", number % 7), &number.to_string()).await;
        }
        self.collectors.await_revision(last, PATIENCE).await.unwrap();
        last
    }

    /// Closes all watches when they know `revision`, and says what was recorded.
    async fn close(&self, revision: Revision) -> Received {
        self.watches.close(revision, PATIENCE).await;
        // Events reach the readers a moment after they were recorded.
        eventually("everything is recorded", async || {
            let received = Received::of(&self.kept.events());
            received
                .opened
                .keys()
                .all(|subscription| received.closed.contains_key(subscription) || received.cancelled.contains_key(subscription))
        })
        .await;
        Received::of(&self.kept.events())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_below_the_compaction_is_cancelled_and_the_others_receive_everything() {
    let single = Single::start(&settings()).await;
    let compaction = single.write(30).await;
    let newest = single.write(30).await;
    assert!(matches!(single.client.call(&Request::compact(compaction), TIMEOUT).await, CallOutcome::Ok(_)));
    single.open(below("a:", Start::At(3))).await;
    single.open(below("a:", Start::At(compaction + 1))).await;
    single.open(below("a:", Start::Back(10))).await;
    single.open(below("a:", Start::Now)).await;
    let last = single.write(30).await;
    let received = single.close(last).await;
    let watches = received.watches();
    assert_eq!(watches.len(), 4);
    assert_eq!(received.cancelled.values().copied().collect::<Vec<_>>(), [compaction]);
    assert!(received.all(&watches[0]).is_empty());
    for watch in &watches[1..] {
        assert_eq!(received.all(watch), received.expected(watch, last));
    }
    assert_eq!(received.all(&watches[2]).first().unwrap().0, newest - 10);
    assert_eq!(received.all(&watches[3]).len(), 30);
    // Earlier revisions are received too, but none from before the compaction.
    let previous = received.events.values().flatten().filter(|event| event.previous.is_some()).count();
    assert!(previous > 60, "{previous} previous values");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_from_a_future_revision_receives_nothing_before_it() {
    let single = Single::start(&settings()).await;
    let newest = single.write(5).await;
    single.open(below("a:", Start::Ahead(10))).await;
    single.open(below("a:", Start::Ahead(1000))).await;
    let last = single.write(25).await;
    let received = single.close(last).await;
    let watches = received.watches();
    let first: Vec<_> = received.all(&watches[0]).iter().map(|(revision, _)| *revision).collect();
    assert_eq!(first, (newest + 10..=last).collect::<Vec<_>>());
    assert!(received.all(&watches[1]).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_requested_and_answered_for_the_whole_stream() {
    let single = Single::start(&types::Boards { streams: 1, ..settings() }).await;
    let last = single.write(5).await;
    single.open(below("b:", Start::Now)).await;
    single.open(below("c:", Start::Now)).await;
    let streams: BTreeSet<u32> = Received::of(&single.kept.events()).opened.values().map(|opened| opened.stream).collect();
    assert_eq!(streams.len(), 1);
    let mut asked = 0;
    eventually("progress is received twice", async || {
        asked = single.kept.events().iter().filter(|event| matches!(event, Event::ProgressRequested(_))).count();
        let received = |event: &&Event| matches!(event, Event::StreamProgress(progress) if progress.revision >= last && streams.contains(&progress.stream));
        single.kept.events().iter().filter(received).count() >= 2
    })
    .await;
    assert!(asked >= 2);
    let last = single.write(5).await;
    // No key in their range is written: only progress advances them.
    let received = single.close(last).await;
    assert!(received.events.is_empty() && received.closed.values().all(|intended| *intended));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_a_due_answer_is_not_closed() {
    let single = Single::start(&types::Boards { streams: 1, ..settings() }).await;
    single.write(5).await;
    single.open(below("a:", Start::Now)).await;
    single.open(below("a:", Start::Ahead(1000))).await;
    // Longer than it may be silent.
    let asked = || single.kept.events().iter().filter(|event| matches!(event, Event::ProgressRequested(_))).count();
    eventually("progress is asked for in vain for five seconds", async || asked() >= 50).await;
    let received = Received::of(&single.kept.events());
    assert!(received.closed.is_empty(), "{:?}", received.closed);
    let last = single.write(10).await;
    let received = single.close(last).await;
    assert_eq!(received.watches().iter().map(|watch| (watch.len(), received.all(watch).len())).collect::<Vec<_>>(), [(1, 10), (1, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_watch_is_closed_first() {
    let single = Single::start(&types::Boards { open_max: 3, ..settings() }).await;
    for _ in 0..5 {
        single.open(below("a:", Start::Now)).await;
    }
    eventually("two are closed", async || Received::of(&single.kept.events()).closed.len() == 2).await;
    let received = Received::of(&single.kept.events());
    let mut closed: Vec<u32> = received.closed.keys().copied().collect();
    closed.sort_unstable();
    assert_eq!(closed, received.opened.keys().copied().take(2).collect::<Vec<_>>());
    let last = single.write(10).await;
    let received = single.close(last).await;
    assert_eq!(received.watches().iter().filter(|watch| received.all(watch).len() == 10).count(), 3);
}

/// Three members.
struct Bench {
    testbed: Testbed,
    clients: Vec<Client>,
    _directory: tempfile::TempDir,
}

impl Bench {
    async fn start(sink: &Sink) -> Self {
        let directory = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let testbed = start_testbed(directory.path(), 3, sink.clone()).await.unwrap();
        testbed.await_healthy(PATIENCE).await.unwrap();
        let clients = testbed.clients(Route::Harness, 1).await.unwrap();
        Self { testbed, clients, _directory: directory }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_of_a_killed_and_of_a_paused_member_miss_nothing() {
    let (kept, sink, _recorder) = Kept::start();
    let bench = Bench::start(&sink).await;
    let collectors = Collectors::start(&bench.clients, &sink, 1);
    let watches = Watches::start(&bench.clients, &settings(), TIMEOUT, collectors.collector_progress(), &sink);
    let last_member = bench.clients.last().unwrap();
    let newest = put(last_member, "a:0", "first").await;
    collectors.await_revision(newest, PATIENCE).await.unwrap();
    for (member, start) in [(0, Start::Now), (0, Start::Back(1)), (0, Start::Ahead(40)), (1, Start::Now), (2, Start::At(1))] {
        assert!(watches.handle().open(below("a:", start), MemberIndex(member)).await);
    }
    let broken = |kept: &Kept| Received::of(&kept.events()).closed.values().filter(|intended| !**intended).count();

    for number in 0..20 {
        put(last_member, &format!("a:{number}"), "before").await;
    }
    bench.testbed.member(MemberIndex(0)).unwrap().kill().await.unwrap();
    let mut number = 0;
    eventually("the watches of the killed member are elsewhere", async || {
        number += 1;
        put(last_member, "a:1", &format!("killed {number}")).await;
        broken(&kept) >= 3
    })
    .await;
    bench.testbed.member(MemberIndex(0)).unwrap().start().await.unwrap();
    eventually("the killed member is back", async || bench.clients[0].status(TIMEOUT).await.is_ok()).await;
    // They all went to the second member, and so did one from the beginning.
    bench.testbed.member(MemberIndex(1)).unwrap().pause().await.unwrap();
    eventually("the watches of the paused member are elsewhere", async || {
        number += 1;
        put(last_member, "a:2", &format!("paused {number}")).await;
        broken(&kept) >= 7
    })
    .await;
    bench.testbed.member(MemberIndex(1)).unwrap().resume().await.unwrap();
    let last = put(last_member, "a:3", "last").await;
    watches.close(last, PATIENCE).await;
    collectors.await_revision(last, PATIENCE).await.unwrap();
    eventually("everything is recorded", async || {
        let received = Received::of(&kept.events());
        received.opened.keys().all(|subscription| received.closed.contains_key(subscription)) && received.log.contains_key(&last)
    })
    .await;

    let received = Received::of(&kept.events());
    let all = received.watches();
    assert_eq!(all.len(), 5);
    for watch in &all {
        // A write that was given up may be applied after the last: the watch may know that already, and may not.
        let known: Vec<_> = received.all(watch).into_iter().filter(|(revision, _)| *revision <= last).collect();
        assert_eq!(known, received.expected(watch, last), "{watch:#?}");
        assert!(received.closed[&watch.last().unwrap().subscription], "the last one is closed by its owner");
    }
    let moved = all.iter().filter(|watch| watch.iter().any(|opened| opened.member != watch[0].member)).count();
    assert!(moved >= 4, "{moved} watches moved");
    bench.testbed.stop().await;
}
