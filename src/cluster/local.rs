//! A cluster of real etcd processes on this machine, without root and without containers.

use std::path::PathBuf;
use std::time::Duration;

use ticketcd_judge::model::MemberIndex;

use crate::etcd::Endpoint;
use crate::net::Switchboard;
use crate::record::Sink;

/// How to start a local cluster.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The etcd binary.
    pub etcd: PathBuf,
    /// Its version, such as `3.5.30`: flags differ.
    pub version: String,
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

/// A member could not be started, stopped or signalled.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Placeholder until the room is furnished.
    #[error("{0}")]
    Other(String),
}

/// A cluster of real etcd processes on this machine. Share it in an `Arc`. Dropping it kills every member.
#[derive(Debug)]
pub struct LocalCluster {}

impl LocalCluster {
    /// Starts all members and returns at once; wait for health with a sampler. Starts and exits are recorded in `sink`.
    ///
    /// # Errors
    /// When a process cannot be started or a port cannot be bound.
    pub async fn start(_options: LocalOptions, _sink: Sink) -> Result<Self, ClusterError> {
        todo!()
    }

    /// How many members it has, running or not.
    pub fn size(&self) -> usize {
        todo!()
    }

    /// Where the load reaches a member: its socket, or its link proxy when clients are proxied.
    pub fn endpoint(&self, _member: MemberIndex) -> Endpoint {
        todo!()
    }

    /// Where the harness itself reaches a member (samples, collectors, audits): always its socket.
    pub fn direct_endpoint(&self, _member: MemberIndex) -> Endpoint {
        todo!()
    }

    /// Whether the member's process is there (paused or not).
    pub fn is_running(&self, _member: MemberIndex) -> bool {
        todo!()
    }

    /// Its process id, while it runs.
    pub fn pid(&self, _member: MemberIndex) -> Option<u32> {
        todo!()
    }

    /// SIGKILL; returns when the process is gone.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&self, _member: MemberIndex) -> Result<(), ClusterError> {
        todo!()
    }

    /// SIGTERM, and SIGKILL after `grace`; returns when the process is gone, with whether SIGKILL was needed.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn terminate(&self, _member: MemberIndex, _grace: Duration) -> Result<bool, ClusterError> {
        todo!()
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self, _member: MemberIndex) -> Result<(), ClusterError> {
        todo!()
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self, _member: MemberIndex) -> Result<(), ClusterError> {
        todo!()
    }

    /// Starts a member that is not running, on the data it left.
    ///
    /// # Errors
    /// When it is running already or cannot be started.
    pub async fn start_member(&self, _member: MemberIndex) -> Result<(), ClusterError> {
        todo!()
    }

    /// The state of every link.
    pub fn links(&self) -> &Switchboard {
        todo!()
    }

    /// Heals every link and stops every member: SIGTERM, then SIGKILL.
    pub async fn stop(&self) {
        todo!()
    }
}
