//! Before the start: what a testbed needs is found, and what it can do is known.

use std::path::PathBuf;

use ticketcd_judge::history::run_info::EtcdInfo;

use super::local;
use super::{Capabilities, Cluster, Testbed, TestbedError};
use crate::record::Sink;

/// A testbed that can be started.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// etcd processes on this machine.
    Local(local::Prepared),
}

/// How a prepared testbed is started.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Where each member's log goes: `m1.log`, …; beside its data when it is not given, to be removed with it.
    pub log_directory: Option<PathBuf>,
    /// This program, which is executed again as the supervisor of each process.
    pub supervisor: PathBuf,
    /// Whether the load goes through link proxies: only when a fault shapes client links.
    pub shape_clients: bool,
}

impl Prepared {
    /// Finds what the testbed of a scenario needs. It may block: an etcd binary is downloaded when there is none.
    ///
    /// # Errors
    /// When something is not available.
    pub fn new(cluster: &Cluster) -> Result<Self, TestbedError> {
        local::Prepared::new(cluster).map(Self::Local)
    }

    /// What may be done on it once it is started.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Self::Local(local) => local.capabilities(),
        }
    }

    /// How many members it will have.
    pub fn size(&self) -> usize {
        match self {
            Self::Local(local) => local.size(),
        }
    }

    /// The etcd that will run, as far as it is known before the start.
    pub fn etcd(&self) -> EtcdInfo {
        match self {
            Self::Local(local) => local.etcd(),
        }
    }

    /// The prefix of every key that the run writes: empty where the whole key space belongs to it.
    pub fn prefix(&self) -> String {
        match self {
            Self::Local(_) => String::new(),
        }
    }

    /// Replaces the defaults in the settings that were looked up by what was found, so that a rerun uses the same.
    pub fn pin(&self, cluster: &mut Cluster) {
        match self {
            Self::Local(local) => cluster.etcd = Some(local.etcd_path()),
        }
    }

    /// Starts every member and returns at once; wait for health with a sampler or with [`Testbed::await_healthy`].
    /// Starts and exits are recorded in `sink`.
    ///
    /// # Errors
    /// When a process cannot be started or a port cannot be bound; nothing is left running then.
    pub async fn start(&self, options: StartOptions, sink: Sink) -> Result<Testbed, TestbedError> {
        match self {
            Self::Local(local) => local.start(options, sink).await.map(Testbed::Local),
        }
    }
}
