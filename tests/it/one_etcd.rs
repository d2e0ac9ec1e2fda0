//! A member of its own for a test: one etcd on Unix sockets in a temporary directory.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use ticketcd::etcd::{Client, Endpoint, Security};

/// A running etcd, ended and removed when it is dropped.
pub struct OneEtcd {
    process: Child,
    directory: TempDir,
}

impl Drop for OneEtcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl OneEtcd {
    /// Starts etcd: the binary that `TICKETCD_TEST_ETCD` names, else the one of the search path.
    pub fn start() -> Self {
        let binary = std::env::var_os("TICKETCD_TEST_ETCD").map_or_else(|| PathBuf::from("etcd"), PathBuf::from);
        let directory = tempfile::tempdir().unwrap();
        let process = Command::new(&binary)
            .args(["--name=m1", "--data-dir=data", "--listen-peer-urls=unix://peer:1", "--listen-client-urls=unix://client:1"])
            .args(["--advertise-client-urls=http://127.0.0.1:1", "--initial-advertise-peer-urls=http://127.0.0.1:2"])
            .args(["--initial-cluster=m1=http://127.0.0.1:2", "--heartbeat-interval=20", "--election-timeout=100", "--unsafe-no-fsync"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("TICKETCD_TEST_ETCD must name an etcd ({}: {error})", binary.display()));
        Self { process, directory }
    }

    /// Stops the process where it stands: connections stay open and nothing is answered.
    pub fn pause(&self) {
        let process = nix::unistd::Pid::from_raw(self.process.id().cast_signed());
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGSTOP).unwrap();
    }

    /// A client of it, once it answers.
    pub async fn client(&self) -> Client {
        let endpoint = Endpoint::Unix(self.directory.path().join("client:1"));
        for _ in 0..500 {
            if let Ok(client) = Client::connect(&endpoint, &Security::default(), 1).await
                && client.status(Duration::from_secs(1)).await.is_ok_and(|status| status.leader_id != 0)
            {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{}", std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default());
    }
}
