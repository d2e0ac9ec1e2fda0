//! Faults on real clusters: each is seen to work, and is healed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ticketcd::etcd::sampler::{Sampler, await_view};
use ticketcd::fault::{self, Plan, PlannedFault};
use ticketcd::net::{Link, LinkState};
use ticketcd::record::{Reader, Recorder, Sink};
use ticketcd::scenario::types::{Down, Inject, Partition, Pause};
use ticketcd::scenario::units::{Span, Target};
use ticketcd::testbed::{Route, Testbed};
use ticketcd_judge::history::event::{Event, FaultStage};
use ticketcd_judge::model::MemberIndex;
use tokio_util::sync::CancellationToken;

use crate::support::{eventually, start_testbed};

/// Longer than any test takes: a fault of this length ends only by being interrupted.
const FOR_EVER: Span = Span::seconds(3600);
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps what happened to faults.
#[derive(Clone, Default)]
struct Stages(Arc<Mutex<Vec<(u32, FaultStage)>>>);

impl Reader for Stages {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        if let Event::Fault(event) = event {
            self.0.lock().unwrap().push((event.fault, event.stage.clone()));
        }
        Ok(())
    }
}

impl Stages {
    fn all(&self) -> Vec<(u32, FaultStage)> {
        self.0.lock().unwrap().clone()
    }

    /// The members a fault hit, once it is injected.
    fn hit(&self, fault: u32) -> Option<Vec<MemberIndex>> {
        self.all().into_iter().find_map(|(number, stage)| match stage {
            FaultStage::Injected { members, .. } if number == fault => Some(members),
            _ => None,
        })
    }

    /// The words of all effects of a fault.
    fn effects(&self, fault: u32) -> String {
        let effects = self.all().into_iter().filter_map(|(number, stage)| match stage {
            FaultStage::Effect { what } if number == fault => Some(what),
            _ => None,
        });
        effects.collect::<Vec<_>>().join("\n")
    }

    fn is_healed(&self, fault: u32) -> bool {
        self.all().iter().any(|(number, stage)| *number == fault && matches!(stage, FaultStage::Healed { .. }))
    }
}

struct Bench {
    testbed: Arc<Testbed>,
    sampler: Sampler,
    sink: Sink,
    stages: Stages,
    _directory: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let stages = Stages::default();
        let (sink, _recorder) = Recorder::start(vec![Box::new(stages.clone())]).unwrap();
        let testbed = Arc::new(start_testbed(directory.path(), 3, sink.clone()).await.unwrap());
        let sampler = Sampler::start(testbed.clients(Route::Harness, 1).await.unwrap(), sink.clone());
        sampler.await_all_healthy(PATIENCE).await.unwrap();
        Self { testbed, sampler, sink, stages, _directory: directory }
    }

    /// Carries out a plan of faults that are due at once.
    async fn inject(&self, faults: Vec<Inject>, cancel: CancellationToken) {
        let due = Duration::ZERO;
        let plan = Plan { faults: faults.into_iter().map(|inject| PlannedFault { due, inject }).collect() };
        fault::run(&plan, 1, &self.testbed, self.sampler.view(), &self.sink, self.sink.now(), cancel).await;
    }

    async fn stop(self) {
        // Events reach the readers a moment after they were recorded.
        let stages = self.stages.clone();
        self.sampler.await_all_healthy(PATIENCE).await.unwrap();
        self.sampler.stop().await;
        self.testbed.stop().await;
        println!("{:#?}", stages.all());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_started_again_and_follows() {
    let bench = Bench::start().await;
    let leader = bench.sampler.await_leader(PATIENCE).await.unwrap();
    let pid = bench.testbed.member(leader).unwrap().pid();
    let kill = Down { target: Target::Leader, restart_after: Span::seconds(2) };
    bench.inject(vec![Inject::Kill(kill)], CancellationToken::new()).await;
    eventually("it is recorded as healed", async || bench.stages.is_healed(0)).await;
    assert!(matches!(bench.stages.all()[0], (0, FaultStage::Planned { .. })));
    assert_eq!(bench.stages.hit(0), Some(vec![leader]));
    let effects = bench.stages.effects(0);
    assert!(effects.contains(&format!("the process of {} is gone", leader.name())), "{effects}");
    assert!(effects.contains("became the leader"), "{effects}");
    assert!(bench.testbed.member(leader).unwrap().is_running());
    assert_ne!(bench.testbed.member(leader).unwrap().pid(), pid);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_leader_loses_its_office_and_its_links_open_again() {
    let bench = Bench::start().await;
    let old = bench.sampler.await_leader(PATIENCE).await.unwrap();
    let isolate = Partition { isolate: Some(Target::Leader), split: None, one_way: None, lasts: FOR_EVER };
    let cancel = CancellationToken::new();
    let heal_when_replaced = async {
        let elsewhere =
            |view: &ticketcd::etcd::sampler::View| view.leader().filter(|leader| *leader != old).ok_or_else(|| "another leader".to_owned());
        await_view(&mut bench.sampler.view(), PATIENCE, elsewhere).await.unwrap();
        cancel.cancel();
    };
    tokio::join!(bench.inject(vec![Inject::Partition(isolate)], cancel.clone()), heal_when_replaced);
    eventually("it is recorded as healed", async || bench.stages.is_healed(0)).await;
    assert_eq!(bench.stages.hit(0), Some(vec![old]));
    let effects = bench.stages.effects(0);
    assert!(effects.contains("became the leader"), "{effects}");
    assert!(effects.contains("bytes were stopped"), "{effects}");
    for other in (0..3).map(MemberIndex).filter(|other| *other != old) {
        assert_eq!(bench.testbed.links().state(Link::Peer { from: old, to: other }), LinkState::default());
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_ends_pauses_and_injects_nothing_more() {
    let bench = Bench::start().await;
    let pause = |target| Inject::Pause(Pause { target, lasts: FOR_EVER });
    let cancel = CancellationToken::new();
    let interrupt = async {
        eventually("both are paused", async || bench.stages.hit(0).is_some() && bench.stages.hit(1).is_some()).await;
        cancel.cancel();
    };
    let faults = vec![pause(Target::Member(1)), pause(Target::Member(1))];
    tokio::join!(bench.inject(faults.clone(), cancel.clone()), interrupt);
    eventually("both are recorded as healed", async || bench.stages.is_healed(0) && bench.stages.is_healed(1)).await;
    let effects = bench.stages.effects(0) + &bench.stages.effects(1);
    assert!(effects.contains("m2 stood still"), "{effects}");

    let injections = |stages: &Stages| stages.all().iter().filter(|(_, stage)| matches!(stage, FaultStage::Injected { .. })).count();
    bench.inject(faults, cancel).await;
    let refused = |stage: &FaultStage| matches!(stage, FaultStage::NotInjected { .. });
    eventually("they are refused", async || bench.stages.all().iter().filter(|(_, stage)| refused(stage)).count() == 2).await;
    assert_eq!(injections(&bench.stages), 2);
    bench.stop().await;
}
