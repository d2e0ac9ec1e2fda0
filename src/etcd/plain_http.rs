//! The two pages that a member serves to anybody who asks in plain HTTP: `/health` and `/metrics`.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::endpoint::Endpoint;

/// Asks a member for a page and returns its body, which must not be longer than `bytes_max`. Whoever asks sets the time.
///
/// # Errors
/// When the member cannot be reached, answers with a status other than 200, or with more bytes than that. Members behind TLS are not supported.
pub async fn get(endpoint: &Endpoint, path: &str, bytes_max: u64) -> io::Result<String> {
    match endpoint {
        Endpoint::Unix(socket) => ask(UnixStream::connect(socket).await?, "member", path, bytes_max).await,
        Endpoint::Url(url) => {
            let address = url.strip_prefix("http://").ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "only plain HTTP"))?;
            let address = address.trim_end_matches('/');
            ask(TcpStream::connect(address).await?, address, path, bytes_max).await
        }
    }
}

/// Version 1.0 of HTTP, for then an answer comes in one piece and ends with the connection.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str, path: &str, bytes_max: u64) -> io::Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    // One byte more than may be, so that what is too long is noticed rather than cut off.
    (&mut stream).take(bytes_max + 1).read_to_end(&mut answer).await?;
    if answer.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("{path} has more than {bytes_max} bytes")));
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(io::Error::other(head.lines().next().unwrap_or_default().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &[u8], bytes_max: u64) -> io::Result<String> {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let (asked, ()) = tokio::join!(ask(ours, "member", "/metrics", bytes_max), async {
            let mut request = [0; 256];
            let length = theirs.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /metrics HTTP/1.0\r\n"));
            theirs.write_all(answer).await.unwrap();
            drop(theirs);
        });
        asked
    }

    #[tokio::test]
    async fn the_body_of_an_answer_is_returned() {
        assert_eq!(answered(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\na 1\nb 2\n", 100).await.unwrap(), "a 1\nb 2\n");
    }

    #[tokio::test]
    async fn what_is_no_whole_answer_is_an_error() {
        for (answer, bytes_max) in [
            (&b"HTTP/1.0 503 Service Unavailable\r\n\r\n"[..], 100),
            (b"HTTP/1.0 200 OK\r\n\r\nfar more than was asked for", 30),
            (b"HTTP/1.0 200 OK\r\n", 100),
            (b"", 100),
        ] {
            answered(answer, bytes_max).await.unwrap_err();
        }
    }
}
