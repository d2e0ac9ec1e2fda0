//! How a connection to one member is made: Unix socket, TCP or TLS.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcd_client::{Certificate, Channel, ConnectOptions, Identity, TlsOptions};
use hyper_util::rt::TokioIo;
use ticketcd_judge::history::io_reason;
use tokio::net::UnixStream;
use tower::service_fn;

use super::client_error::ClientError;
use super::endpoint::{Endpoint, Security};

/// Longest time to connect and authenticate.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const AUTHENTICATE_TIMEOUT: Duration = Duration::from_secs(5);

/// A member closes connections that ping more often than every 5 s with calls in flight, or without any (etcd's
/// `--grpc-keepalive-min-time`). Calls have timeouts of their own; this is for streams, and for calls that wait longer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_millis(5_500);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// HTTP/2 flow control: what may be on its way, bytes. The default of 64 KiB makes large ranges wait for round trips.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;

/// A connection of its own to the member. Connecting is lazy, unless there is a user to authenticate.
pub(super) async fn open(endpoint: &Endpoint, security: &Security) -> Result<etcd_client::Client, ClientError> {
    let channel = match endpoint {
        Endpoint::Unix(path) => unix_channel(endpoint, path)?,
        Endpoint::Url(url) => url_channel(endpoint, url, security)?,
    };
    let options = security.user.as_ref().map(|(name, password)| ConnectOptions::new().with_user(name, password));
    let connected = tokio::time::timeout(AUTHENTICATE_TIMEOUT, etcd_client::Client::from_channel(Channel::Tonic(channel), options));
    match connected.await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(ClientError::from_etcd(endpoint, &error)),
        Err(_) => Err(ClientError::Timeout { endpoint: endpoint.clone(), after: AUTHENTICATE_TIMEOUT }),
    }
}

fn unix_channel(endpoint: &Endpoint, path: &Path) -> Result<tonic::transport::Channel, ClientError> {
    let path = path.to_owned();
    let connector = service_fn(move |_| {
        let path: PathBuf = path.clone();
        async move {
            let stream = UnixStream::connect(&path).await.map_err(|error| {
                // The path identifies the member.
                io::Error::new(error.kind(), format!("unix connect error: {}: {}", path.display(), io_reason(&error)))
            })?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    // A socket has no host, but HTTP/2 requires a host name.
    Ok(tuned(endpoint, "http://localhost")?.connect_with_connector_lazy(connector))
}

fn url_channel(endpoint: &Endpoint, url: &str, security: &Security) -> Result<tonic::transport::Channel, ClientError> {
    let mut builder = tuned(endpoint, url)?;
    if url.starts_with("https://") {
        let malformed = |error: tonic::transport::Error| ClientError::Malformed {
            endpoint: endpoint.clone(),
            reason: format!("the TLS settings are not usable: {}", with_sources(&error)),
        };
        builder = builder.tls_config(tls(security)?).map_err(malformed)?;
    } else if !url.starts_with("http://") {
        let reason = "it begins with neither http:// nor https://".to_owned();
        return Err(ClientError::Malformed { endpoint: endpoint.clone(), reason });
    }
    Ok(builder.connect_lazy())
}

fn tuned(endpoint: &Endpoint, url: &str) -> Result<tonic::transport::Endpoint, ClientError> {
    let malformed = |error: tonic::transport::Error| ClientError::Malformed { endpoint: endpoint.clone(), reason: with_sources(&error) };
    Ok(tonic::transport::Endpoint::from_shared(url.to_owned())
        .map_err(malformed)?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(false))
}

fn tls(security: &Security) -> Result<TlsOptions, ClientError> {
    let mut options = TlsOptions::new();
    if let Some(path) = &security.ca_certificate {
        options = options.ca_certificate(Certificate::from_pem(read(path)?));
    }
    match (&security.certificate, &security.key) {
        (Some(certificate), Some(key)) => options = options.identity(Identity::from_pem(read(certificate)?, read(key)?)),
        (None, None) => {}
        (Some(_), None) => return Err(ClientError::Credentials { what: "a client certificate needs its key".to_owned() }),
        (None, Some(_)) => return Err(ClientError::Credentials { what: "a key needs its client certificate".to_owned() }),
    }
    Ok(options)
}

fn read(path: &Path) -> Result<Vec<u8>, ClientError> {
    std::fs::read(path).map_err(|error| ClientError::Credentials { what: format!("cannot read {}: {}", path.display(), io_reason(&error)) })
}

/// An error and what caused it, in one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let reason = cause.downcast_ref::<io::Error>().map_or_else(|| cause.to_string(), io_reason);
        text = format!("{text}: {reason}");
        source = cause.source();
    }
    text
}
