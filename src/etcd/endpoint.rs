//! Where a member is reached, and with what credentials.

use std::fmt;
use std::path::PathBuf;

/// Where clients reach a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket: a member of our own, past the link proxy.
    Unix(PathBuf),
    /// `http://host:port` or `https://host:port`.
    Url(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Url(url) => formatter.write_str(url),
        }
    }
}

/// Credentials for a cluster we did not start. Files are PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// Certificate authority.
    pub ca_certificate: Option<PathBuf>,
    /// Client certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// User name and password.
    pub user: Option<(String, String)>,
}

/// Without the password.
impl fmt::Debug for Security {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Security")
            .field("ca_certificate", &self.ca_certificate)
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .finish()
    }
}
