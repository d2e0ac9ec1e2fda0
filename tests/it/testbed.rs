//! Local testbeds of real etcd processes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use etcd_client::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ticketcd::net::{Flow, Link, LinkState};
use ticketcd::record::{Reader, Recorder, Sink};
use ticketcd::testbed::{MemberControl, Termination, Testbed, TestbedError};
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::event::{Event, MemberChange};
use ticketcd_judge::history::member::ProcessExit;

use crate::support::{etcd_binary, eventually, is_alive, start_testbed, ticketcd_binary};

const MEMBERS: [MemberIndex; 3] = [MemberIndex(0), MemberIndex(1), MemberIndex(2)];
const LOST: LinkState = LinkState { flow: Flow::Lost, delay: Duration::ZERO, jitter: Duration::ZERO };

struct Bench {
    testbed: Testbed,
    changes: mpsc::Receiver<(MemberIndex, MemberChange)>,
    _directory: tempfile::TempDir,
}

/// Passes on what happens to members.
struct Changes(mpsc::Sender<(MemberIndex, MemberChange)>);

impl Reader for Changes {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        if let Event::Member(event) = event {
            let _ = self.0.send((event.member, event.change.clone()));
        }
        Ok(())
    }
}

impl Bench {
    async fn start(members: u8) -> Self {
        let directory = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let (sender, changes) = mpsc::channel();
        let (sink, _recorder) = Recorder::start(vec![Box::new(Changes(sender))]).unwrap();
        let began = Instant::now();
        let testbed = start_testbed(directory.path(), members, sink).await.unwrap();
        testbed.await_healthy(Duration::from_secs(30)).await.unwrap();
        println!("{members} members healthy after {:?}", began.elapsed());
        Self { testbed, changes, _directory: directory }
    }

    async fn client(&self, member: MemberIndex) -> Client {
        Client::connect([self.testbed.advertised_url(member).unwrap()], None).await.unwrap()
    }

    async fn put(&self, member: MemberIndex, key: &str) -> i64 {
        let mut client = self.client(member).await;
        let mut revision = 0;
        eventually("a write succeeds", async || {
            let put = tokio::time::timeout(Duration::from_secs(1), client.put(key, "value", None)).await;
            revision = put.ok().and_then(Result::ok).and_then(|put| put.header().map(|header| header.revision())).unwrap_or(0);
            revision > 0
        })
        .await;
        revision
    }

    async fn revision(&self, member: MemberIndex) -> i64 {
        let mut client = self.client(member).await;
        let options = etcd_client::GetOptions::new().with_serializable();
        let get = tokio::time::timeout(Duration::from_secs(5), client.get("none", Some(options))).await;
        get.ok().and_then(Result::ok).and_then(|get| get.header().map(|header| header.revision())).unwrap_or(0)
    }

    fn control(&self, member: MemberIndex) -> MemberControl {
        self.testbed.member(member).unwrap()
    }

    fn isolate(&self, member: MemberIndex) {
        for other in MEMBERS.into_iter().filter(|other| *other != member) {
            self.testbed.links().set(Link::Peer { from: member, to: other }, LOST);
            self.testbed.links().set(Link::Peer { from: other, to: member }, LOST);
        }
    }

    fn next_exit(&self) -> (MemberIndex, ProcessExit, bool) {
        loop {
            match self.changes.recv_timeout(Duration::from_secs(10)).unwrap() {
                (member, MemberChange::Exited { exit, expected }) => return (member, exit, expected),
                (_, MemberChange::Started { .. }) => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_member_stays_behind_and_catches_up() {
    let bench = Bench::start(3).await;
    let (m1, m2, m3) = (MEMBERS[0], MEMBERS[1], MEMBERS[2]);
    let before = bench.put(m1, "a").await;
    eventually("everybody has it", async || bench.revision(m3).await == before).await;
    bench.isolate(m3);
    let mut after = 0;
    for _ in 0..20 {
        after = bench.put(m1, "b").await;
    }
    assert_eq!(bench.revision(m3).await, before);
    eventually("the others go on", async || bench.revision(m2).await >= after).await;
    let stopped = |from, to| bench.testbed.links().stopped_bytes(Link::Peer { from, to });
    eventually("something was lost", async || stopped(m1, m3) + stopped(m2, m3) > 0).await;
    assert!(bench.testbed.links().heal_all() > 0);
    eventually("it catches up", async || bench.revision(m3).await >= after).await;
    bench.testbed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_way_loss_stops_what_travels_that_way_only() {
    let bench = Bench::start(3).await;
    let (m1, m3) = (MEMBERS[0], MEMBERS[2]);
    let links = bench.testbed.links();
    for other in [m1, MEMBERS[1]] {
        links.set(Link::Peer { from: other, to: m3 }, LOST);
    }
    let behind = bench.revision(m3).await;
    let back = links.carried_bytes(Link::Peer { from: m3, to: m1 });
    bench.put(m1, "a").await;
    bench.put(m1, "b").await;
    assert_eq!(bench.revision(m3).await, behind);
    eventually("the other way carries", async || links.carried_bytes(Link::Peer { from: m3, to: m1 }) > back).await;
    links.heal_all();
    eventually("it catches up", async || bench.revision(m3).await > behind).await;
    assert!(links.reset(&[Link::Peer { from: m1, to: m3 }]) > 0);
    let revision = bench.put(m1, "c").await;
    eventually("streams are made anew", async || bench.revision(m3).await >= revision).await;
    bench.testbed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_killed_paused_and_started_again_and_the_record_says_so() {
    let bench = Bench::start(1).await;
    let m1 = MEMBERS[0];
    let revision = bench.put(m1, "kept").await;
    let pid = bench.control(m1).pid().unwrap();
    bench.control(m1).pause().await.unwrap();
    assert!(bench.control(m1).is_running());
    eventually("the process is stopped", async || bench.control(m1).is_paused() == Some(true)).await;
    bench.control(m1).kill().await.unwrap();
    assert!(!is_alive(pid));
    assert!(!bench.control(m1).is_running());
    assert_eq!(bench.next_exit(), (m1, ProcessExit::Signal(9), true));
    assert!(matches!(bench.control(m1).kill().await, Err(TestbedError::NotRunning(_))));
    bench.control(m1).start().await.unwrap();
    assert!(matches!(bench.control(m1).start().await, Err(TestbedError::AlreadyRunning(_))));
    bench.testbed.await_healthy(Duration::from_secs(30)).await.unwrap();
    assert_eq!(bench.revision(m1).await, revision);
    let started = bench.changes.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(started, (_, MemberChange::Started { incarnation: 2, .. })), "{started:?}");
    let termination = bench.control(m1).terminate(Duration::from_secs(10)).await.unwrap();
    assert_eq!(termination, Termination::Graceful);
    let (_, _, expected) = bench.next_exit();
    assert!(expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_dies_with_its_supervisor_and_with_its_testbed() {
    let bench = Bench::start(1).await;
    let m1 = MEMBERS[0];
    let pid = bench.control(m1).pid().unwrap();
    kill(Pid::from_raw(parent(pid)), Signal::SIGKILL).unwrap();
    eventually("etcd is gone", async || !is_alive(pid)).await;
    assert_eq!(bench.next_exit(), (m1, ProcessExit::WithSupervisor, false));
    eventually("the testbed knows", async || !bench.control(m1).is_running()).await;
    bench.control(m1).start().await.unwrap();
    let pid = bench.control(m1).pid().unwrap();
    bench.control(m1).pause().await.unwrap();
    drop(bench.testbed);
    eventually("etcd is gone, though paused", async || !is_alive(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_directory_is_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let long = directory.path().join("d".repeat(100));
    let error = start_testbed(&long, 1, Sink::discarding()).await.unwrap_err();
    assert!(matches!(error, TestbedError::PathTooLong { limit: 107, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_harness_leaves_no_process_and_an_interrupted_one_leaves_nothing() {
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let home = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let mut harness = Command::new(ticketcd_binary())
            .args(["cluster", "up", "--members", "1", "--etcd"])
            .arg(etcd_binary())
            .env("TMPDIR", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(harness.stdout.take().unwrap()).lines();
        let lines: Vec<String> = lines.map(Result::unwrap).take(3).collect();
        assert!(lines[1].starts_with("export ETCDCTL_ENDPOINTS=http://127.0.0.1:"), "{lines:?}");
        assert!(lines[2].starts_with("ready"), "{lines:?}");
        let words: Vec<_> = lines[0].split_whitespace().collect();
        let position = words.iter().position(|word| *word == "pid").unwrap();
        let etcd: u32 = words[position + 1].parse().unwrap();
        let supervisor = u32::try_from(parent(etcd)).unwrap();
        assert!(is_alive(etcd) && is_alive(supervisor));
        kill(Pid::from_raw(i32::try_from(harness.id()).unwrap()), signal).unwrap();
        let status = harness.wait().unwrap();
        eventually("both are gone", async || !is_alive(etcd) && !is_alive(supervisor)).await;
        if signal == Signal::SIGINT {
            assert!(status.success());
            assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        }
    }
}

fn parent(pid: u32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    rest.split_whitespace().nth(1).unwrap().parse().unwrap()
}
