//! Faults on real testbeds: each is seen to work, and is healed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ticketcd::etcd::Client;
use ticketcd::etcd::sampler::{Sampler, View, await_view};
use ticketcd::fault::{
    self, BlackHole, CrashLoop, Inject, Kill, Latency, LinkSet, Partition, Pause, Plan, PlannedFault, Reset, Restart, SlowCpu, Terminate,
};
use ticketcd::net::{Link, LinkState};
use ticketcd::record::{Reader, Recorder, Sink};
use ticketcd::settings::units::{Span, Target};
use ticketcd::testbed::{LocalTestbed, Route, Testbed};
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::{Event, FaultStage, MemberChange};
use ticketcd_judge::history::fault::{FaultEffect, NotInjected};
use ticketcd_judge::history::member::ProcessExit;
use ticketcd_judge::history::request::{Put, Request};
use tokio_util::sync::CancellationToken;

use crate::support::{eventually, local_options};

/// Longer than any test takes: a fault of this length ends only by being interrupted.
const FOR_EVER: Span = Span::seconds(3600);
const PATIENCE: Duration = Duration::from_secs(30);
const M2: MemberIndex = MemberIndex(1);

/// Keeps what happened to faults and members.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<Event>>>);

impl Reader for Record {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        if matches!(event, Event::Fault(_) | Event::Member(_)) {
            self.0.lock().unwrap().push(event.clone());
        }
        Ok(())
    }
}

impl Record {
    fn stages(&self, fault: u32) -> Vec<FaultStage> {
        let events = self.0.lock().unwrap();
        let stage = |event: &Event| match event {
            Event::Fault(event) if event.fault == fault => Some(event.stage.clone()),
            _ => None,
        };
        events.iter().filter_map(stage).collect()
    }

    /// The members a fault hit, once it is injected.
    fn hit(&self, fault: u32) -> Option<Vec<MemberIndex>> {
        self.stages(fault).into_iter().find_map(|stage| match stage {
            FaultStage::Injected { members, .. } => Some(members),
            _ => None,
        })
    }

    fn effects(&self, fault: u32) -> Vec<FaultEffect> {
        let effect = |stage| match stage {
            FaultStage::Effect(effect) => Some(effect),
            _ => None,
        };
        self.stages(fault).into_iter().filter_map(effect).collect()
    }

    fn is_healed(&self, fault: u32) -> bool {
        self.stages(fault).iter().any(|stage| matches!(stage, FaultStage::Healed { .. }))
    }

    /// How the process of a member ended, each time that it did.
    fn exits(&self, member: MemberIndex) -> Vec<ProcessExit> {
        let events = self.0.lock().unwrap();
        let exit = |event: &Event| match event {
            Event::Member(event) if event.member == member => match event.change {
                MemberChange::Exited { exit, expected: true } => Some(exit),
                _ => None,
            },
            _ => None,
        };
        events.iter().filter_map(exit).collect()
    }
}

struct Bench {
    testbed: Arc<Testbed>,
    sampler: Sampler,
    sink: Sink,
    record: Record,
    _directory: tempfile::TempDir,
}

impl Bench {
    /// Three members; clients reach them through link proxies.
    async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let record = Record::default();
        let (sink, _recorder) = Recorder::start(vec![Box::new(record.clone())]).unwrap();
        let mut options = local_options(directory.path(), 3);
        options.shape_clients = true;
        let testbed = Arc::new(Testbed::Local(LocalTestbed::start(options, sink.clone()).await.unwrap()));
        let sampler = Sampler::start(testbed.clients(Route::Harness, 1).await.unwrap(), sink.clone());
        sampler.await_all_healthy(PATIENCE).await.unwrap();
        Self { testbed, sampler, sink, record, _directory: directory }
    }

    /// Carries out a plan of faults that are due at once.
    async fn inject(&self, faults: Vec<Inject>, cancel: &CancellationToken) {
        let (due, count) = (Duration::ZERO, u32::try_from(faults.len()).unwrap());
        let plan = Plan { faults: faults.into_iter().map(|inject| PlannedFault { due, inject }).collect() };
        assert_eq!(plan.check(&self.testbed.capabilities()), Ok(()));
        fault::run(&plan, 1, &self.testbed, self.sampler.view(), &self.sink, self.sink.now(), cancel.clone()).await;
        let is_last =
            |stage: FaultStage| matches!(stage, FaultStage::Healed { .. } | FaultStage::NotInjected(_) | FaultStage::NotRecovered { .. });
        // Events reach the readers a moment after they were recorded.
        eventually("every step is recorded", async || (0..count).all(|fault| self.record.stages(fault).pop().is_some_and(is_last))).await;
    }

    /// Carries out one fault that is healed when `until` is over.
    async fn inject_until(&self, inject: Inject, until: impl Future<Output = ()>) {
        let cancel = CancellationToken::new();
        let interrupt = async {
            eventually("the fault is in force", async || self.record.hit(0).is_some()).await;
            until.await;
            cancel.cancel();
        };
        tokio::join!(self.inject(vec![inject], &cancel), interrupt);
        assert!(self.record.is_healed(0), "{:#?}", self.record.stages(0));
    }

    async fn leader(&self) -> MemberIndex {
        self.sampler.await_leader(PATIENCE).await.unwrap()
    }

    fn pid(&self, member: MemberIndex) -> Option<u32> {
        self.testbed.member(member).unwrap().pid()
    }

    /// A client of a member.
    async fn client(&self, member: MemberIndex, route: Route) -> Client {
        self.testbed.clients(route, 1).await.unwrap().swap_remove(member.index())
    }

    async fn stop(self) {
        self.sampler.await_all_healthy(PATIENCE).await.unwrap();
        self.sampler.stop().await;
        self.testbed.stop().await;
        println!("{:#?}", self.record.stages(0));
    }
}

/// Writes a key; returns whether that was acknowledged.
async fn put(client: &Client, timeout: Duration) -> bool {
    let put = Request::Put(Put { key: "key".into(), value: b"value".to_vec().into(), ..Put::default() });
    matches!(client.call(&put, timeout).await, CallOutcome::Ok(_))
}

fn elected(effects: &[FaultEffect]) -> bool {
    effects.iter().any(|effect| matches!(effect, FaultEffect::LeaderElected(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_started_again_and_follows() {
    let bench = Bench::start().await;
    let leader = bench.leader().await;
    let pid = bench.pid(leader);
    let kill = Kill { target: Target::Leader, restart_after: Span::seconds(2) };
    bench.inject(vec![Inject::Kill(kill)], &CancellationToken::new()).await;
    assert!(matches!(bench.record.stages(0)[0], FaultStage::Planned { survivable: true, .. }));
    assert!(bench.record.is_healed(0));
    assert_eq!(bench.record.hit(0), Some(vec![leader]));
    let effects = bench.record.effects(0);
    assert!(effects.contains(&FaultEffect::ProcessEnded { member: leader, times: 1 }), "{effects:?}");
    assert!(elected(&effects), "{effects:?}");
    assert_eq!(bench.record.exits(leader), [ProcessExit::Signal(9)]);
    assert!(bench.pid(leader).is_some_and(|new| Some(new) != pid));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_member_exits_by_itself_and_is_started_again() {
    let bench = Bench::start().await;
    let pid = bench.pid(M2);
    let terminate = Terminate { target: Target::Member(1), restart_after: FOR_EVER };
    bench
        .inject_until(Inject::Terminate(terminate), async {
            eventually("the member is down", async || bench.pid(M2).is_none()).await;
        })
        .await;
    let exits = bench.record.exits(M2);
    assert!(matches!(exits[..], [ProcessExit::Signal(15) | ProcessExit::Code(0)]), "{exits:?}");
    assert!(bench.pid(M2).is_some_and(|new| Some(new) != pid));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_follower_is_a_new_process_on_its_old_data() {
    let bench = Bench::start().await;
    let leader = bench.leader().await;
    assert!(put(&bench.client(leader, Route::Harness).await, PATIENCE).await);
    bench.inject(vec![Inject::Restart(Restart { target: Target::Follower })], &CancellationToken::new()).await;
    assert!(bench.record.is_healed(0));
    let follower = bench.record.hit(0).unwrap()[0];
    assert_ne!(follower, leader);
    assert_eq!(bench.testbed.member(follower).unwrap().incarnation(), 2);
    assert_eq!(bench.record.exits(follower).len(), 1);
    let status = bench.client(follower, Route::Harness).await.status(PATIENCE).await.unwrap();
    assert!(status.revision >= 2, "{status:?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_leader_is_deposed_and_its_links_open_again() {
    let bench = Bench::start().await;
    let old = bench.leader().await;
    let isolate = Partition { isolate: Some(Target::Leader), split: None, one_way: None, lasts: FOR_EVER };
    bench
        .inject_until(Inject::Partition(isolate), async {
            let elsewhere = |view: &View| view.leader().filter(|leader| *leader != old).ok_or("another leader");
            await_view(&mut bench.sampler.view(), PATIENCE, elsewhere).await.unwrap();
        })
        .await;
    assert_eq!(bench.record.hit(0), Some(vec![old]));
    let effects = bench.record.effects(0);
    assert!(elected(&effects), "{effects:?}");
    assert!(effects.iter().any(|effect| matches!(effect, FaultEffect::TrafficStopped { .. })), "{effects:?}");
    for other in bench.testbed.members().filter(|other| *other != old) {
        assert_eq!(bench.testbed.links().state(Link::Peer { from: old, to: other }), LinkState::default());
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_delays_every_request_and_response() {
    const DELAY: Duration = Duration::from_millis(300);
    let bench = Bench::start().await;
    let leader = bench.leader().await;
    let client = bench.client(leader, Route::Load).await;
    assert!(put(&client, PATIENCE).await, "the connection is there");
    let latency = Latency { on: LinkSet::Clients(Target::Leader), delay: Span(DELAY), jitter: Span::default(), lasts: FOR_EVER };
    bench
        .inject_until(Inject::Latency(latency), async {
            let began = Instant::now();
            assert!(put(&client, PATIENCE).await);
            assert!(began.elapsed() >= 2 * DELAY, "{:?} there and back", began.elapsed());
        })
        .await;
    assert!(bench.record.effects(0).iter().any(|effect| matches!(effect, FaultEffect::TrafficDelivered { .. })));
    assert_eq!(bench.testbed.links().state(Link::ToMember(leader)), LinkState::default());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_holds_requests_back_and_delivers_them_when_it_is_healed() {
    let bench = Bench::start().await;
    let leader = bench.leader().await;
    let client = bench.client(leader, Route::Load).await;
    assert!(put(&client, PATIENCE).await, "the connection is there");
    let black_hole = BlackHole { on: LinkSet::Clients(Target::Leader), lasts: FOR_EVER };
    let link = Link::ToMember(leader);
    let held = async {
        eventually("the fault is in force", async || bench.record.hit(0).is_some()).await;
        put(&client, PATIENCE).await
    };
    let injected = bench.inject_until(Inject::BlackHole(black_hole), async {
        eventually("the request is held back", async || bench.testbed.links().stopped_bytes(link) > 0).await;
        assert!(put(&bench.client(leader, Route::Harness).await, PATIENCE).await, "the member serves others");
    });
    let (acknowledged, ()) = tokio::join!(held, injected);
    assert!(acknowledged, "the request was delivered on the same connection");
    let effects = bench.record.effects(0);
    assert!(effects.iter().any(|effect| matches!(effect, FaultEffect::TrafficStopped { .. })), "{effects:?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_cuts_connections_once_and_new_ones_can_be_made() {
    let bench = Bench::start().await;
    let leader = bench.leader().await;
    let client = bench.client(leader, Route::Load).await;
    assert!(put(&client, PATIENCE).await, "the connection is there");
    bench.inject(vec![Inject::Reset(Reset { on: LinkSet::Clients(Target::Leader) })], &CancellationToken::new()).await;
    assert!(bench.record.is_healed(0));
    // One connection carries the link both ways, and is cut once.
    assert!(bench.record.effects(0).contains(&FaultEffect::ConnectionsCut { connections: 1 }), "{:?}", bench.record.effects(0));
    eventually("the client has a new connection", async || put(&client, PATIENCE).await).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_ends_pauses_and_injects_nothing_more() {
    let bench = Bench::start().await;
    let pause = || Inject::Pause(Pause { target: Target::Member(1), lasts: FOR_EVER });
    let cancel = CancellationToken::new();
    let interrupt = async {
        eventually("both are in force", async || bench.record.hit(0).is_some() && bench.record.hit(1).is_some()).await;
        eventually("the process is stopped", async || bench.testbed.member(M2).unwrap().is_paused() == Some(true)).await;
        cancel.cancel();
    };
    tokio::join!(bench.inject(vec![pause(), pause()], &cancel), interrupt);
    assert!(bench.record.is_healed(0) && bench.record.is_healed(1));
    let was_paused = |effect: &FaultEffect| matches!(effect, FaultEffect::Paused { member: M2, times: 1, total } if *total > 0);
    assert!(bench.record.effects(0).iter().chain(&bench.record.effects(1)).any(was_paused));
    assert_eq!(bench.testbed.member(M2).unwrap().is_paused(), Some(false));

    bench.inject(vec![pause()], &cancel).await;
    eventually("it is refused", async || bench.record.stages(0).contains(&FaultStage::NotInjected(NotInjected::Interrupted))).await;
    let injections = bench.record.stages(0).iter().filter(|stage| matches!(stage, FaultStage::Injected { .. })).count();
    assert_eq!(injections, 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_in_a_crash_loop_crashes_again_and_again_and_is_started_for_good_at_the_end() {
    const CRASHES: usize = 3;
    let bench = Bench::start().await;
    let crash_loop = CrashLoop { target: Target::Member(1), every: Span::milliseconds(100), lasts: FOR_EVER };
    bench
        .inject_until(Inject::CrashLoop(crash_loop), async {
            eventually("it crashes again", async || bench.record.exits(M2).len() >= CRASHES).await;
        })
        .await;
    let exits = bench.record.exits(M2);
    assert!(exits.iter().all(|exit| *exit == ProcessExit::Signal(9)), "{exits:?}");
    let times = u32::try_from(exits.len()).unwrap();
    assert!(bench.record.effects(0).contains(&FaultEffect::ProcessEnded { member: M2, times }), "{:?}", bench.record.effects(0));
    assert_eq!(bench.testbed.member(M2).unwrap().incarnation(), times + 1);
    assert!(bench.pid(M2).is_some());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_on_a_slow_processor_is_paused_for_its_share_of_the_time_and_still_serves() {
    const CYCLES: u32 = 5;
    let bench = Bench::start().await;
    let slow_cpu = SlowCpu { target: Target::Member(1), share_percent: 40, lasts: FOR_EVER };
    let client = bench.client(M2, Route::Harness).await;
    bench
        .inject_until(Inject::SlowCpu(slow_cpu), async {
            for _ in 0..CYCLES {
                eventually("the process is stopped", async || bench.testbed.member(M2).unwrap().is_paused() == Some(true)).await;
                eventually("the process runs", async || bench.testbed.member(M2).unwrap().is_paused() == Some(false)).await;
            }
            assert!(put(&client, PATIENCE).await, "the member serves");
        })
        .await;
    let paused = bench.record.effects(0).into_iter().find_map(|effect| match effect {
        FaultEffect::Paused { member: M2, times, total } => Some((times, Duration::from_nanos(total))),
        _ => None,
    });
    let (times, total) = paused.unwrap();
    // Each pause takes 60% of a period of 100 ms, or longer on a busy machine; the last may have been cut short.
    assert!(times >= CYCLES && total >= Duration::from_millis(60) * (times - 1), "{times} times, {total:?}");
    assert_eq!(bench.testbed.member(M2).unwrap().is_paused(), Some(false));
    assert_eq!(bench.record.exits(M2), []);
    bench.stop().await;
}
