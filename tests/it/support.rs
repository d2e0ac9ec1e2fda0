//! What several rooms' tests need.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ticketcd::record::Sink;
use ticketcd::testbed::local::{DataDirectory, LocalOptions};
use ticketcd::testbed::{LocalTestbed, Testbed, TestbedError};
use ticketcd_judge::model::records::EventRecord;

/// The etcd binary the tests run: the one that runs use by default.
pub fn etcd_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| ticketcd::release::resolve(None).unwrap_or_else(|error| panic!("{error}")).path).clone()
}

/// This program, as a supervisor or a command.
pub fn ticketcd_binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_ticketcd"))
}

/// Members that keep everything in `directory` and elect quickly.
pub fn local_options(directory: &Path, members: u8) -> LocalOptions {
    LocalOptions {
        etcd: etcd_binary(),
        members,
        data_directory: DataDirectory::At(directory.to_owned()),
        log_directory: None,
        supervisor: ticketcd_binary(),
        shape_clients: false,
        election_timeout: Duration::from_millis(500),
        heartbeat_interval: Duration::from_millis(50),
        flags: Vec::new(),
    }
}

/// A local testbed of members that keep everything in `directory` and elect quickly.
pub async fn start_testbed(directory: &Path, members: u8, sink: Sink) -> Result<Testbed, TestbedError> {
    LocalTestbed::start(local_options(directory, members), sink).await.map(Testbed::Local)
}

/// An event with so many tickets left.
pub fn concert(current_quantity: i64) -> EventRecord {
    EventRecord {
        name: "Rock".to_owned(),
        description: "Night".to_owned(),
        location: "Bonn".to_owned(),
        kind: "concert".to_owned(),
        date: "01-06-2026 20:00".to_owned(),
        current_quantity,
    }
}

/// Waits until the condition holds; fails the test after half a minute.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process is there; a zombie is not.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}
