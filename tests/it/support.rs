//! What several rooms' tests need.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The etcd binary the tests run: the one that runs use by default.
pub fn etcd_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| ticketcd::release::resolve(None).unwrap_or_else(|error| panic!("{error}")).path).clone()
}

/// This program, as a leash or a command.
pub fn ticketcd_binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_ticketcd"))
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
