//! Whether members serve: etcd's own `/health`, asked past every link proxy.

use std::time::{Duration, Instant};

use super::{Route, Server, Testbed, TestbedError};
use crate::etcd::{Endpoint, plain_http};

/// A response has a few hundred bytes.
const RESPONSE_BYTES_MAX: u64 = 16 * 1024;

/// Pause between two requests for a member's health.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long one request for a member's health may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Waits until every member reports itself healthy.
pub(super) async fn await_healthy(testbed: &Testbed, timeout: Duration) -> Result<(), TestbedError> {
    let deadline = Instant::now() + timeout;
    for member in testbed.members() {
        let endpoint = testbed.access(member, Route::Harness)?.endpoint;
        let control = testbed.member(member)?;
        loop {
            let is_healthy = is_healthy(&endpoint).await;
            match control.server() {
                Server::Foreign(pid) => return Err(TestbedError::ForeignProcess { member, pid }),
                Server::Own if is_healthy => break,
                // Which process answers is known a moment after it does.
                Server::Own | Server::None => {}
            }
            if let Some(exit) = control.exit() {
                let log = testbed.log(member).map(ToOwned::to_owned).unwrap_or_default();
                return Err(TestbedError::Exited { member, exit, log });
            }
            if Instant::now() >= deadline {
                return Err(TestbedError::NotHealthy { member, waited: timeout });
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
    Ok(())
}

/// Whether the member reports itself healthy: it can read at the quorum.
async fn is_healthy(member: &Endpoint) -> bool {
    let response = tokio::time::timeout(TIMEOUT, plain_http::get(member, "/health", RESPONSE_BYTES_MAX)).await;
    matches!(response, Ok(Ok(response)) if response.contains(r#""health":"true""#))
}
