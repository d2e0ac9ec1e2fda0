//! Before the start of a local testbed: an etcd binary is found.

use ticketcd_judge::history::run_info::EtcdInfo;

use super::{DataDirectory, LocalOptions, LocalTestbed, capabilities};
use crate::record::Sink;
use crate::release::{self, EtcdBinary};
use crate::testbed::{Capabilities, Cluster, StartOptions, TestbedError};

/// A local testbed that can be started.
#[derive(Clone, Debug)]
pub struct Prepared {
    etcd: EtcdBinary,
    settings: Cluster,
}

impl Prepared {
    pub(in crate::testbed) fn new(cluster: &Cluster) -> Result<Self, TestbedError> {
        Ok(Self { etcd: release::resolve(cluster.etcd.as_deref())?, settings: cluster.clone() })
    }

    pub(in crate::testbed) fn capabilities(&self) -> Capabilities {
        capabilities(&self.settings.flags)
    }

    pub(in crate::testbed) fn size(&self) -> usize {
        self.settings.members.into()
    }

    pub(in crate::testbed) fn etcd(&self) -> EtcdInfo {
        EtcdInfo {
            version: self.etcd.version.to_string(),
            git_sha: self.etcd.git_sha.clone(),
            go_version: self.etcd.go_version.clone(),
            sha256: self.etcd.sha256.clone(),
            path: self.etcd_path(),
            known_bad: self.etcd.known_bad.map(str::to_owned),
        }
    }

    pub(in crate::testbed) fn etcd_path(&self) -> String {
        self.etcd.path.display().to_string()
    }

    pub(in crate::testbed) async fn start(&self, options: StartOptions, sink: Sink) -> Result<LocalTestbed, TestbedError> {
        let options = LocalOptions {
            etcd: self.etcd.path.clone(),
            members: self.settings.members,
            // Outside of the run directory, because socket paths must be short.
            data_directory: DataDirectory::Temporary,
            log_directory: options.log_directory,
            supervisor: options.supervisor,
            shape_clients: options.shape_clients,
            election_timeout: self.settings.election_timeout.0,
            heartbeat_interval: self.settings.heartbeat_interval.0,
            flags: self.settings.flags.clone(),
        };
        LocalTestbed::start(options, sink).await
    }
}
