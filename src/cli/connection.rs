//! Flags that name an existing cluster. The environment variables of `etcdctl` are read too.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::model::Keyspace;

use super::Failure;
use crate::etcd::{Client, ClientError, Endpoint, Security};
use crate::terminal::{Screen, note};

/// Longest time for a member's first response.
const STATUS_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections to each member.
const CHANNELS: u8 = 1;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connection {
    /// Client URLs of the members: `host:port`, `https://host:port` or `unix:PATH`, separated by commas
    #[arg(long, env = "ETCDCTL_ENDPOINTS", value_delimiter = ',', default_value = "127.0.0.1:2379")]
    endpoints: Vec<String>,

    /// Prefix of every key of the shop; nothing outside it is written
    #[arg(long, default_value = "ticketcd/")]
    prefix: String,

    /// CA certificate that signed the members' certificates (PEM)
    #[arg(long, env = "ETCDCTL_CACERT", value_name = "FILE", value_hint = ValueHint::FilePath)]
    cacert: Option<PathBuf>,

    /// Client certificate (PEM); needs `--key`
    #[arg(long, env = "ETCDCTL_CERT", value_name = "FILE", value_hint = ValueHint::FilePath, requires = "key")]
    cert: Option<PathBuf>,

    /// Key of the client certificate (PEM)
    #[arg(long, env = "ETCDCTL_KEY", value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    key: Option<PathBuf>,

    /// etcd user, as `name` or `name:password`; the password is otherwise read from ETCDCTL_PASSWORD
    #[arg(long, id = "etcd_user", env = "ETCDCTL_USER", hide_env_values = true, value_name = "USER")]
    user: Option<String>,
}

impl Connection {
    /// The shop's keys. A prefix is mandatory because the cluster may have other users.
    pub(super) fn keyspace(&self) -> Result<Keyspace, Failure> {
        if self.prefix.is_empty() {
            let message = "the prefix is empty: an existing cluster needs one, such as --prefix ticketcd/";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(Keyspace::new(self.prefix.as_str()))
    }

    /// A client of each responding member; at least one.
    pub(super) async fn connect(&self) -> Result<Vec<Client>, Failure> {
        let security = self.security()?;
        let with_tls = self.cacert.is_some() || self.cert.is_some();
        let mut clients = Vec::new();
        let mut errors = Vec::new();
        for text in &self.endpoints {
            let endpoint = endpoint(text, with_tls)?;
            match connect(&endpoint, &security).await {
                Ok(client) => clients.push(client),
                Err(error) => errors.push(error.to_string()),
            }
        }
        if clients.is_empty() {
            let next = "Is etcd running there? Pass the client URLs of its members with --endpoints";
            return Err(Failure::NotCarriedOut(format!("no member is available: {}. {next}", errors.join("; "))));
        }
        for error in errors {
            note(Screen::of_stderr().message(&format!("ticketcd: warning: continuing without one member: {error}")));
        }
        Ok(clients)
    }

    fn security(&self) -> Result<Security, Failure> {
        for path in [&self.cacert, &self.cert, &self.key].into_iter().flatten() {
            let readable = std::fs::File::open(path);
            readable.map_err(|error| Failure::Usage(format!("cannot read {}: {}", path.display(), io_reason(&error))))?;
        }
        let user = match &self.user {
            None => None,
            Some(text) => Some(user(text, std::env::var("ETCDCTL_PASSWORD").ok())?),
        };
        Ok(Security { ca_certificate: self.cacert.clone(), certificate: self.cert.clone(), key: self.key.clone(), user })
    }
}

async fn connect(endpoint: &Endpoint, security: &Security) -> Result<Client, ClientError> {
    let client = Client::connect(endpoint, security, CHANNELS).await?;
    client.status(STATUS_TIMEOUT).await?;
    Ok(client)
}

/// An endpoint as `etcdctl` takes it: without a scheme it is plain, or TLS when there are certificates.
fn endpoint(text: &str, with_tls: bool) -> Result<Endpoint, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::Usage("an endpoint is empty; write --endpoints host:port,host:port".to_owned()));
    }
    if let Some(path) = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:")) {
        return Ok(Endpoint::Unix(path.into()));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Endpoint::Url(text.to_owned()));
    }
    if text.contains("://") {
        return Err(Failure::Usage(format!("invalid endpoint {text}: use host:port, http://, https:// or unix:")));
    }
    let scheme = if with_tls { "https" } else { "http" };
    Ok(Endpoint::Url(format!("{scheme}://{text}")))
}

fn user(text: &str, password: Option<String>) -> Result<(String, String), Failure> {
    match (text.split_once(':'), password) {
        (Some((name, password)), _) => Ok((name.to_owned(), password.to_owned())),
        (None, Some(password)) => Ok((text.to_owned(), password)),
        (None, None) => Err(Failure::Usage(format!("no password for user {text}: set ETCDCTL_PASSWORD, or pass name:password"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_etcdctl_reads_them() {
        let read = |text, tls| endpoint(text, tls).unwrap().to_string();
        assert_eq!(read("127.0.0.1:2379", false), "http://127.0.0.1:2379");
        assert_eq!(read("etcd.example:2379", true), "https://etcd.example:2379");
        assert_eq!(read("http://a:1", true), "http://a:1");
        assert_eq!(read("unix:///tmp/s", false), "unix:/tmp/s");
        assert!(endpoint("ftp://a:1", false).is_err());
        assert!(endpoint("", false).is_err());
    }

    #[test]
    fn a_user_needs_a_password() {
        assert_eq!(user("root:a:b", None).unwrap(), ("root".to_owned(), "a:b".to_owned()));
        assert_eq!(user("root", Some("x".to_owned())).unwrap().1, "x");
        assert!(user("root", None).is_err());
    }
}
