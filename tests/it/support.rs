//! What several rooms' tests need.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The etcd binary the tests run.
pub fn etcd_binary() -> PathBuf {
    let named = ["TICKETCD_TEST_ETCD", "TICKETCD_ETCD"].into_iter().find_map(std::env::var_os);
    named.map_or_else(|| PathBuf::from("/work/h/etcd/good/etcd"), PathBuf::from)
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
