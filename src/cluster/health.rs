//! Whether a member serves: etcd's own `/health`, asked over its socket.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// An answer has a few hundred bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Whether the member behind the client socket says that it is healthy: it can read at the quorum.
pub(super) async fn is_healthy(client_socket: &Path, timeout: Duration) -> bool {
    let answer = tokio::time::timeout(timeout, ask(client_socket)).await;
    matches!(answer, Ok(Ok(answer)) if answer.contains(r#""health":"true""#))
}

async fn ask(client_socket: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(client_socket).await?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: member\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
