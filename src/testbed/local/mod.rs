//! etcd processes on this machine, without root and without containers.

mod capped_log;
mod flags;
mod member;
mod prepare;
mod process_tree;
pub mod scratch;
pub mod supervisor;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ticketcd_judge::history::MemberIndex;
use ticketcd_judge::history::io_reason;
use tokio::task::JoinSet;

use flags::Setting;
pub use member::LocalMember;
pub use prepare::Prepared;
use scratch::Scratch;

use super::{Capabilities, LinkCapabilities, ProcessCapabilities, Route, TestbedError};
use crate::etcd::Endpoint;
use crate::net::{Address, LinkTable, Proxy, ProxyOptions, Side};
use crate::record::Sink;

/// What may be done on a local testbed of members with etcd's default settings.
pub const CAPABILITIES: Capabilities = Capabilities {
    processes: ProcessCapabilities { kill: true, terminate: true, pause: true, start: true },
    links: LinkCapabilities { peers: true, clients: true },
    storage_faults: false,
    syncs_writes: true,
    owns_key_space: true,
    collects_from_first_revision: true,
    restarts_for_audit: true,
    members_on_this_host: true,
};

/// What may be done on a local testbed of members with these flags.
fn capabilities(flags: &[String]) -> Capabilities {
    let is_unsynced = |flag: &String| matches!(flag.as_str(), "--unsafe-no-fsync" | "--unsafe-no-fsync=true");
    Capabilities { syncs_writes: !flags.iter().any(is_unsynced), ..CAPABILITIES }
}

/// Longest path of a Unix socket: `sun_path` has 108 bytes, the last of which is zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// How long a member may take to end by itself when the testbed is stopped. A leader whose peers are gone may hang.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How to start a local testbed.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The etcd binary.
    pub etcd: PathBuf,
    /// How many members.
    pub members: u8,
    /// Where each member gets its own directory: data, sockets.
    pub data_directory: DataDirectory,
    /// Where each member's log goes: `m1.log`, …; in the data directory when it is not given.
    pub log_directory: Option<PathBuf>,
    /// This program, which is executed again as each member's supervisor.
    pub supervisor: PathBuf,
    /// Whether the load goes through link proxies.
    pub shape_clients: bool,
    /// Election timeout.
    pub election_timeout: Duration,
    /// Heartbeat interval.
    pub heartbeat_interval: Duration,
    /// Further flags for every member.
    pub flags: Vec<String>,
}

/// Where members keep their data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataDirectory {
    /// In a directory that is removed when the testbed is stopped, or when this program ends, however it does.
    Temporary,
    /// There; the path must be short enough for socket paths.
    At(PathBuf),
}

/// etcd processes on this machine. Dropping it kills every member.
///
/// Each member listens on Unix sockets in its own directory only. Others know it by a link proxy of ours on 127.0.0.1,
/// which holds its port from the start to the end of the testbed.
#[derive(Debug)]
pub struct LocalTestbed {
    members: Vec<Arc<LocalMember>>,
    client_proxies: Vec<Proxy>,
    _peer_proxies: Vec<Proxy>,
    links: LinkTable,
    shape_clients: bool,
    capabilities: Capabilities,
    /// Behind the members, so that it is dropped after them.
    scratch: Mutex<Option<Scratch>>,
}

impl LocalTestbed {
    /// Starts all members and returns at once. Starts and exits are recorded in `sink`.
    ///
    /// # Errors
    /// When a process cannot be started or a port cannot be bound.
    pub async fn start(options: LocalOptions, sink: Sink) -> Result<Self, TestbedError> {
        check_binary(&options.etcd)?;
        let etcd = absolute(&options.etcd)?;
        let (data_directory, scratch) = match &options.data_directory {
            DataDirectory::At(path) => (absolute(path)?, None),
            DataDirectory::Temporary => {
                let what = format!("prepare a data directory in {}", std::env::temp_dir().display());
                let scratch = Scratch::create(&options.supervisor).map_err(TestbedError::io(what))?;
                (scratch.path().to_owned(), Some(scratch))
            }
        };
        let log_directory = options.log_directory.as_deref().map_or_else(|| Ok(data_directory.clone()), absolute)?;
        fs::create_dir_all(&log_directory).map_err(TestbedError::io(format!("create {}", log_directory.display())))?;
        let links = LinkTable::new();
        let mut members = Vec::new();
        let (mut peer_proxies, mut client_proxies) = (Vec::new(), Vec::new());
        for index in (0..options.members).map(MemberIndex) {
            let directory = data_directory.join(index.name());
            let log = log_directory.join(format!("{}.log", index.name()));
            let member = LocalMember::new(index, directory, log, etcd.clone(), options.supervisor.clone(), sink.clone());
            check_length(&member.client_socket())?;
            peer_proxies.push(start_proxy(Side::Peers, index, member.peer_socket(), &links).await?);
            client_proxies.push(start_proxy(Side::Clients, index, member.client_socket(), &links).await?);
            members.push(member);
        }
        let names: Vec<_> = members.iter().zip(&peer_proxies).map(|(member, proxy)| (member.index().name(), proxy.url())).collect();
        for ((member, peer), client) in members.iter_mut().zip(&peer_proxies).zip(&client_proxies) {
            member.set_arguments(flags::arguments(&Setting {
                name: member.index().name(),
                peer_url: peer.url(),
                client_url: client.url(),
                members: names.clone(),
                election_timeout: options.election_timeout,
                heartbeat_interval: options.heartbeat_interval,
                extra: &options.flags,
            }));
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
            started.map_err(|error| TestbedError::Io { what: "start a member".to_owned(), source: error.into() })??;
        }
        Ok(Self {
            members,
            client_proxies,
            _peer_proxies: peer_proxies,
            links,
            shape_clients: options.shape_clients,
            capabilities: capabilities(&options.flags),
            scratch: Mutex::new(scratch),
        })
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    pub(super) fn member(&self, member: MemberIndex) -> Result<Arc<LocalMember>, TestbedError> {
        self.members.get(member.index()).cloned().ok_or_else(|| TestbedError::NoSuchMember(member.name()))
    }

    pub(super) fn endpoint(&self, member: MemberIndex, route: Route) -> Result<Endpoint, TestbedError> {
        match (route, self.client_proxies.get(member.index())) {
            (Route::Load, Some(proxy)) if self.shape_clients => Ok(Endpoint::Url(proxy.url())),
            // What no fault can touch on its way goes past the proxies.
            _ => Ok(Endpoint::Unix(self.member(member)?.client_socket())),
        }
    }

    pub(super) fn advertised_url(&self, member: MemberIndex) -> Option<String> {
        self.client_proxies.get(member.index()).map(Proxy::url)
    }

    pub(super) fn log(&self, member: MemberIndex) -> Option<&Path> {
        self.members.get(member.index()).map(|member| member.log())
    }

    pub(super) fn links(&self) -> &LinkTable {
        &self.links
    }

    /// Restores every link, stops every member (SIGTERM, then SIGKILL), and removes their data if it is temporary.
    pub(super) async fn stop(&self) {
        self.links.heal_all();
        let mut exits = JoinSet::new();
        for member in &self.members {
            let member = Arc::clone(member);
            exits.spawn(async move {
                // Both fail when it is not running, which is what is wanted. A paused one receives SIGTERM only once it
                // continues.
                let _ = member.resume();
                let _ = member.terminate(STOP_GRACE).await;
                member.await_exit().await;
            });
        }
        while exits.join_next().await.is_some() {}
        let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = scratch.map(Scratch::close) {
            tracing::warn!("cannot remove the members' data: {}", io_reason(&error));
        }
    }
}

async fn start_proxy(side: Side, member: MemberIndex, socket: PathBuf, links: &LinkTable) -> Result<Proxy, TestbedError> {
    let options = ProxyOptions { side, member, listen: IpAddr::V4(Ipv4Addr::LOCALHOST), upstream: Address::Unix(socket) };
    Proxy::start(options, links.clone()).await.map_err(TestbedError::io("bind a port on 127.0.0.1"))
}

fn absolute(path: &Path) -> Result<PathBuf, TestbedError> {
    std::path::absolute(path).map_err(TestbedError::io(format!("resolve {}", path.display())))
}

fn check_binary(path: &Path) -> Result<(), TestbedError> {
    let wrong = |reason: String| TestbedError::Binary { path: path.to_owned(), reason };
    let metadata = fs::metadata(path).map_err(|error| wrong(io_reason(&error)))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(wrong("it is not an executable file".to_owned()));
    }
    Ok(())
}

fn check_length(socket: &Path) -> Result<(), TestbedError> {
    let length = socket.as_os_str().as_bytes().len();
    if length > SOCKET_PATH_BYTES_MAX {
        return Err(TestbedError::PathTooLong { path: socket.to_owned(), length, limit: SOCKET_PATH_BYTES_MAX });
    }
    Ok(())
}
