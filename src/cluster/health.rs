//! Whether a member serves: etcd's own `/health`, asked over its socket.

use std::time::Duration;

use crate::etcd::{Endpoint, plain_http};

/// An answer has a few hundred bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Whether the member says that it is healthy: it can read at the quorum.
pub(super) async fn is_healthy(member: &Endpoint, timeout: Duration) -> bool {
    let answer = tokio::time::timeout(timeout, plain_http::get(member, "/health", ANSWER_BYTES_MAX)).await;
    matches!(answer, Ok(Ok(answer)) if answer.contains(r#""health":"true""#))
}
