//! A cluster of real etcd processes on this machine, without root and without containers.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ticketcd_judge::model::MemberIndex;
use tokio::task::JoinSet;

use super::error::ClusterError;
use super::flags::{self, Setting};
use super::health;
use super::member::Member;
use crate::etcd::Endpoint;
use crate::net::{Proxy, Side, Switchboard};
use crate::record::Sink;

/// Longest path of a Unix socket: `sun_path` has 108 bytes, the last of which is zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// How long a member may take to end by itself when the cluster is stopped. A leader whose peers are gone may hang.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// Pause between two questions for a member's health.
const HEALTH_INTERVAL: Duration = Duration::from_millis(20);

/// How long one question for a member's health may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// How to start a local cluster.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The etcd binary.
    pub etcd: PathBuf,
    /// How many members.
    pub members: u8,
    /// Where each member gets its own directory: data, sockets. Must be short enough for socket paths.
    pub data_directory: PathBuf,
    /// Where each member's log goes: `m1.log`, …
    pub log_directory: PathBuf,
    /// This program, re-executed as each member's leash.
    pub leash: PathBuf,
    /// Whether clients go through a link proxy too: only when a fault touches their links.
    pub proxy_clients: bool,
    /// Election timeout.
    pub election_timeout: Duration,
    /// Heartbeat interval.
    pub heartbeat_interval: Duration,
    /// Further flags for every member.
    pub flags: Vec<String>,
}

/// A cluster of real etcd processes on this machine. Share it in an `Arc`. Dropping it kills every member.
///
/// Each member listens on Unix sockets in its own directory only. What others know it by is a link proxy of ours on
/// 127.0.0.1, which holds its port from the start to the end of the cluster.
#[derive(Debug)]
pub struct LocalCluster {
    members: Vec<Arc<Member>>,
    client_proxies: Vec<Proxy>,
    _peer_proxies: Vec<Proxy>,
    switchboard: Switchboard,
    proxy_clients: bool,
}

impl LocalCluster {
    /// Starts all members and returns at once; wait for health with a sampler or with
    /// [`await_healthy`](Self::await_healthy). Starts and exits are recorded in `sink`.
    ///
    /// # Errors
    /// When a process cannot be started or a port cannot be bound.
    pub async fn start(options: LocalOptions, sink: Sink) -> Result<Self, ClusterError> {
        check_binary(&options.etcd)?;
        let etcd = absolute(&options.etcd)?;
        let data_directory = absolute(&options.data_directory)?;
        let log_directory = absolute(&options.log_directory)?;
        fs::create_dir_all(&log_directory).map_err(ClusterError::io(format!("create {}", log_directory.display())))?;
        let switchboard = Switchboard::new();
        let mut members = Vec::new();
        let (mut peer_proxies, mut client_proxies) = (Vec::new(), Vec::new());
        for index in (0..options.members).map(MemberIndex) {
            let directory = data_directory.join(index.name());
            let log = log_directory.join(format!("{}.log", index.name()));
            let member = Member::new(index, directory, log, etcd.clone(), options.leash.clone(), sink.clone());
            check_length(&member.client_socket())?;
            for (side, socket, proxies) in
                [(Side::Peers, member.peer_socket(), &mut peer_proxies), (Side::Clients, member.client_socket(), &mut client_proxies)]
            {
                let proxy = Proxy::start(side, index, socket, switchboard.clone()).await;
                proxies.push(proxy.map_err(ClusterError::io("bind a port on 127.0.0.1"))?);
            }
            members.push(member);
        }
        let names: Vec<_> = members.iter().zip(&peer_proxies).map(|(member, proxy)| (member.index.name(), proxy.url())).collect();
        for ((member, peer), client) in members.iter_mut().zip(&peer_proxies).zip(&client_proxies) {
            member.arguments = flags::arguments(&Setting {
                name: member.index.name(),
                peer_url: peer.url(),
                client_url: client.url(),
                members: names.clone(),
                election_timeout: options.election_timeout,
                heartbeat_interval: options.heartbeat_interval,
                extra: &options.flags,
            });
        }
        let members: Vec<_> = members.into_iter().map(Arc::new).collect();
        let mut starts: JoinSet<_> = members
            .iter()
            .map(|member| {
                let member = Arc::clone(member);
                async move { member.start().await }
            })
            .collect();
        while let Some(started) = starts.join_next().await {
            started.map_err(|error| ClusterError::Io { what: "start a member".to_owned(), source: error.into() })??;
        }
        Ok(Self { members, client_proxies, _peer_proxies: peer_proxies, switchboard, proxy_clients: options.proxy_clients })
    }

    /// The positions of all members, running or not.
    pub fn members(&self) -> impl Iterator<Item = MemberIndex> + use<> {
        (0..).map(MemberIndex).take(self.size())
    }

    /// How many members it has, running or not.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// Where the load reaches a member: its socket, or its link proxy when clients are proxied.
    pub fn endpoint(&self, member: MemberIndex) -> Endpoint {
        match self.client_proxies.get(member.index()) {
            Some(proxy) if self.proxy_clients => Endpoint::Url(proxy.url()),
            _ => self.direct_endpoint(member),
        }
    }

    /// Where the harness itself reaches a member (samples, collectors, audits): always its socket. That of a member that does
    /// not exist leads nowhere.
    pub fn direct_endpoint(&self, member: MemberIndex) -> Endpoint {
        Endpoint::Unix(self.member(member).map(|member| member.client_socket()).unwrap_or_default())
    }

    /// Where any etcd client on this machine reaches a member: the URL that it advertises.
    pub fn advertised_url(&self, member: MemberIndex) -> Option<String> {
        self.client_proxies.get(member.index()).map(Proxy::url)
    }

    /// Whether the member's process is there (paused or not).
    pub fn is_running(&self, member: MemberIndex) -> bool {
        self.pid(member).is_some()
    }

    /// Waits until a process is not there, and says whose.
    pub async fn ended(&self) -> MemberIndex {
        let mut ends = JoinSet::new();
        for member in &self.members {
            let member = Arc::clone(member);
            ends.spawn(async move {
                member.await_exit().await;
                member.index
            });
        }
        match ends.join_next().await {
            Some(Ok(member)) => member,
            // Without members there is nobody to wait for; and no task here panics.
            _ => std::future::pending().await,
        }
    }

    /// Its process id, while it runs.
    pub fn pid(&self, member: MemberIndex) -> Option<u32> {
        self.member(member).ok()?.pid()
    }

    /// How often it has been started so far.
    pub fn incarnation(&self, member: MemberIndex) -> u32 {
        self.member(member).map_or(0, |member| member.incarnation())
    }

    /// SIGKILL; returns when the process is gone.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&self, member: MemberIndex) -> Result<(), ClusterError> {
        let member = self.member(member)?;
        member.signal(Signal::SIGKILL)?;
        member.await_exit().await;
        Ok(())
    }

    /// SIGTERM, and SIGKILL after `grace`; returns when the process is gone, with whether SIGKILL was needed.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn terminate(&self, member: MemberIndex, grace: Duration) -> Result<bool, ClusterError> {
        terminate(self.member(member)?, grace).await
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self, member: MemberIndex) -> Result<(), ClusterError> {
        self.member(member)?.signal(Signal::SIGSTOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self, member: MemberIndex) -> Result<(), ClusterError> {
        self.member(member)?.signal(Signal::SIGCONT)
    }

    /// Starts a member that is not running, on the data it left.
    ///
    /// # Errors
    /// When it is running already or cannot be started.
    pub async fn start_member(&self, member: MemberIndex) -> Result<(), ClusterError> {
        self.member(member)?.start().await
    }

    /// The state of every link.
    pub fn links(&self) -> &Switchboard {
        &self.switchboard
    }

    /// Waits until every member says that it is healthy: it answers, and can read at the quorum.
    ///
    /// # Errors
    /// When a member ends meanwhile, or the time is over.
    pub async fn await_healthy(&self, timeout: Duration) -> Result<(), ClusterError> {
        let deadline = Instant::now() + timeout;
        for member in &self.members {
            let endpoint = self.direct_endpoint(member.index);
            while !health::is_healthy(&endpoint, HEALTH_TIMEOUT).await {
                if let Some(status) = member.end() {
                    return Err(ClusterError::Ended { member: member.index.name(), status, log: member.log.clone() });
                }
                if Instant::now() >= deadline {
                    return Err(ClusterError::NotHealthy { members: member.index.name(), waited: timeout });
                }
                tokio::time::sleep(HEALTH_INTERVAL).await;
            }
        }
        Ok(())
    }

    /// Heals every link and stops every member: SIGTERM, then SIGKILL.
    pub async fn stop(&self) {
        self.switchboard.heal_all();
        let mut ends = JoinSet::new();
        for member in &self.members {
            let member = Arc::clone(member);
            ends.spawn(async move {
                // Fails when it is not running, which is what is wanted. A paused one hears SIGTERM only once it goes on.
                let _ = member.signal(Signal::SIGCONT);
                let _ = terminate(&member, STOP_GRACE).await;
                member.await_exit().await;
            });
        }
        while ends.join_next().await.is_some() {}
    }

    fn member(&self, member: MemberIndex) -> Result<&Arc<Member>, ClusterError> {
        self.members.get(member.index()).ok_or_else(|| ClusterError::NoSuchMember(member.name()))
    }
}

async fn terminate(member: &Member, grace: Duration) -> Result<bool, ClusterError> {
    member.signal(Signal::SIGTERM)?;
    if tokio::time::timeout(grace, member.await_exit()).await.is_ok() {
        return Ok(false);
    }
    // It may have ended this very moment.
    let is_killed = member.signal(Signal::SIGKILL).is_ok();
    member.await_exit().await;
    Ok(is_killed)
}

fn absolute(path: &Path) -> Result<PathBuf, ClusterError> {
    std::path::absolute(path).map_err(ClusterError::io(format!("resolve {}", path.display())))
}

fn check_binary(path: &Path) -> Result<(), ClusterError> {
    let wrong = |reason: String| ClusterError::Binary { path: path.to_owned(), reason };
    let metadata = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(wrong("it is not an executable file".to_owned()));
    }
    Ok(())
}

fn check_length(socket: &Path) -> Result<(), ClusterError> {
    let length = socket.as_os_str().as_bytes().len();
    if length > SOCKET_PATH_BYTES_MAX {
        return Err(ClusterError::PathTooLong { path: socket.to_owned(), length, limit: SOCKET_PATH_BYTES_MAX });
    }
    Ok(())
}
