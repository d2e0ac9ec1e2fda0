//! Members whose etcd is not the process that was started: wrapper scripts, processes that left their group, strangers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ticketcd::etcd::Endpoint;
use ticketcd::record::{Recorder, Sink};
use ticketcd::testbed::local::LocalOptions;
use ticketcd::testbed::{LocalTestbed, MemberControl, Route, Server, Termination, Testbed, TestbedError};
use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::invalid::{Invalid, InvalidReason};
use tokio::net::{UnixListener, UnixStream};

use crate::member::Kept;
use crate::support::{etcd_binary, eventually, is_alive, local_options};

const M1: MemberIndex = MemberIndex(0);
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);

struct Wrapped {
    testbed: Testbed,
    kept: Kept,
    _recorder: Recorder,
    directory: tempfile::TempDir,
}

impl Wrapped {
    /// One member, started by a script in which `ETCD` stands for the binary.
    async fn start(script: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("t").tempdir().unwrap();
        let etcd = executable(directory.path(), &script.replace("ETCD", etcd_binary().to_str().unwrap()));
        let (kept, sink, recorder) = Kept::start();
        let testbed = start(directory.path(), etcd, sink).await;
        Self { testbed, kept, _recorder: recorder, directory }
    }

    async fn healthy(script: &str) -> Self {
        let wrapped = Self::start(script).await;
        wrapped.testbed.await_healthy(HEALTHY_WITHIN).await.unwrap();
        wrapped
    }

    fn control(&self) -> MemberControl {
        self.testbed.member(M1).unwrap()
    }

    fn socket(&self) -> PathBuf {
        match self.testbed.access(M1, Route::Harness).unwrap().endpoint {
            Endpoint::Unix(socket) => socket,
            other => panic!("{other:?}"),
        }
    }

    /// The process that listens on the member's socket.
    async fn server(&self) -> u32 {
        let stream = UnixStream::connect(self.socket()).await.unwrap();
        u32::try_from(stream.peer_cred().unwrap().pid().unwrap()).unwrap()
    }

    fn invalid(&self) -> Vec<InvalidReason> {
        let reason = |event| if let Event::Invalid(Invalid { reason, .. }) = event { Some(reason) } else { None };
        self.kept.events().into_iter().filter_map(reason).collect()
    }
}

async fn start(directory: &Path, etcd: PathBuf, sink: Sink) -> Testbed {
    let options = LocalOptions { etcd, ..local_options(directory, 1) };
    Testbed::Local(LocalTestbed::start(options, sink).await.unwrap())
}

fn executable(directory: &Path, script: &str) -> PathBuf {
    let path = directory.join("etcd.sh");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Whether the kernel shows a process stopped.
fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

fn parent(pid: u32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Scripts that start etcd as a child: in their own group, in the background, and in a session of its own.
const SCRIPTS: [&str; 3] = ["ETCD \"$@\"; exit $?", "ETCD \"$@\" & wait", "setsid ETCD \"$@\" & wait"];

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_a_wrapped_member_kills_etcd() {
    for script in SCRIPTS {
        let wrapped = Wrapped::healthy(script).await;
        let etcd = wrapped.server().await;
        assert_ne!(Some(etcd), wrapped.control().pid(), "{script}: the script is to be another process than etcd");
        wrapped.control().kill().await.unwrap();
        assert!(!is_alive(etcd), "{script}: etcd outlives a kill");
        assert!(UnixStream::connect(wrapped.socket()).await.is_err(), "{script}: something still answers");
        wrapped.control().start().await.unwrap();
        wrapped.testbed.await_healthy(HEALTHY_WITHIN).await.unwrap();
        let etcd = wrapped.server().await;
        wrapped.testbed.stop().await;
        assert!(!is_alive(etcd), "{script}: etcd outlives the testbed");
        assert_eq!(wrapped.invalid(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_a_wrapped_member_pauses_etcd() {
    for script in SCRIPTS {
        let wrapped = Wrapped::healthy(script).await;
        let etcd = wrapped.server().await;
        wrapped.control().pause().await.unwrap();
        assert!(is_stopped(etcd), "{script}");
        assert_eq!(wrapped.control().is_paused(), Some(true), "{script}");
        wrapped.control().resume().await.unwrap();
        eventually("etcd runs", async || !is_stopped(etcd)).await;
        assert_eq!(wrapped.control().is_paused(), Some(false), "{script}");
        wrapped.testbed.stop().await;
        assert!(!is_alive(etcd), "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_etcd_is_given_the_time_to_end_by_itself() {
    let wrapped = Wrapped::healthy(SCRIPTS[0]).await;
    let etcd = wrapped.server().await;
    assert_eq!(wrapped.control().terminate(Duration::from_secs(20)).await.unwrap(), Termination::Graceful);
    assert!(!is_alive(etcd));
    let log = fs::read_to_string(wrapped.testbed.log(M1).unwrap()).unwrap();
    assert!(log.contains("closed etcd server"), "etcd was killed before it had ended: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_leaves_behind_ends_with_it() {
    let wrapped = Wrapped::start("setsid ETCD \"$@\" & exit 3").await;
    assert!(matches!(wrapped.testbed.await_healthy(HEALTHY_WITHIN).await, Err(TestbedError::Exited { .. })));
    eventually("nothing answers", async || UnixStream::connect(wrapped.socket()).await.is_err()).await;
    wrapped.testbed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_etcd_does_not_outlive_its_supervisor() {
    for script in SCRIPTS {
        let wrapped = Wrapped::healthy(script).await;
        let etcd = wrapped.server().await;
        kill(Pid::from_raw(parent(wrapped.control().pid().unwrap())), Signal::SIGKILL).unwrap();
        eventually("etcd is gone", async || !is_alive(etcd)).await;
        wrapped.testbed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_on_a_members_socket_makes_the_run_invalid() {
    // The member itself serves nothing; this process takes its place.
    let wrapped = Wrapped::start("exec sleep 600").await;
    let listener = UnixListener::bind(wrapped.socket()).unwrap();
    let stranger = std::process::id();
    let healthy = wrapped.testbed.await_healthy(HEALTHY_WITHIN).await;
    assert!(matches!(healthy, Err(TestbedError::ForeignProcess { member: M1, pid }) if pid == stranger), "{healthy:?}");
    assert_eq!(wrapped.control().server(), Server::Foreign(stranger));
    // Neither fault reaches what answers, and neither counts.
    let paused = wrapped.control().pause().await;
    assert!(matches!(paused, Err(TestbedError::WithoutEffect { pid, .. }) if pid == stranger), "{paused:?}");
    let killed = wrapped.control().kill().await;
    assert!(matches!(killed, Err(TestbedError::WithoutEffect { pid, .. }) if pid == stranger), "{killed:?}");
    // A member that was exchanged later is found too.
    drop(listener);
    wrapped.control().start().await.unwrap();
    let _listener = UnixListener::bind(wrapped.socket()).unwrap();
    let reason = InvalidReason::ForeignProcess { member: M1, pid: stranger };
    eventually("the run is invalid", async || wrapped.invalid() == [reason.clone()]).await;
    wrapped.testbed.stop().await;
    drop(wrapped.directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_member_that_floods_its_standard_error_is_cut() {
    // 200 MB, and a last line.
    let wrapped = Wrapped::start("echo first >&2; yes | head -c 200000000 >&2; echo last >&2; exit 3").await;
    wrapped.control().await_exit().await;
    let log = wrapped.testbed.log(M1).unwrap();
    assert!(fs::metadata(log).unwrap().len() < 70 << 20);
    let text = fs::read_to_string(log).unwrap();
    assert!(text.starts_with("first\n") && text.ends_with("y\nlast\n") && text.contains("bytes are missing"));
    wrapped.testbed.stop().await;
}
