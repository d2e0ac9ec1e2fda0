//! The flags a member is started with.

use std::time::Duration;

/// The peer socket's name in the member's directory. etcd insists on something like a port behind the colon.
pub(super) const PEER_SOCKET: &str = "peer:1";

/// The client socket's name in the member's directory.
pub(super) const CLIENT_SOCKET: &str = "client:1";

/// What the flags of a member depend on.
#[derive(Clone, Debug)]
pub(super) struct Setting<'a> {
    /// Its name.
    pub(super) name: String,
    /// The URL other members know it by.
    pub(super) peer_url: String,
    /// The URL clients know it by.
    pub(super) client_url: String,
    /// Name and peer URL of every member.
    pub(super) members: Vec<(String, String)>,
    /// Election timeout.
    pub(super) election_timeout: Duration,
    /// Heartbeat interval.
    pub(super) heartbeat_interval: Duration,
    /// The user's own flags. They come last, and etcd lets the last one win.
    pub(super) extra: &'a [String],
}

/// The flags, for etcd 3.4 to 3.5 alike.
pub(super) fn arguments(setting: &Setting<'_>) -> Vec<String> {
    let members: Vec<String> = setting.members.iter().map(|(name, url)| format!("{name}={url}")).collect();
    let mut arguments = vec![
        format!("--name={}", setting.name),
        "--data-dir=data".to_owned(),
        format!("--listen-peer-urls=unix://{PEER_SOCKET}"),
        format!("--listen-client-urls=unix://{CLIENT_SOCKET}"),
        format!("--initial-advertise-peer-urls={}", setting.peer_url),
        format!("--advertise-client-urls={}", setting.client_url),
        format!("--initial-cluster={}", members.join(",")),
        "--initial-cluster-token=ticketcd".to_owned(),
        "--initial-cluster-state=new".to_owned(),
        format!("--election-timeout={}", setting.election_timeout.as_millis()),
        format!("--heartbeat-interval={}", setting.heartbeat_interval.as_millis()),
        // JSON lines on standard error, which is the member's log file; 3.4 writes plain text by default.
        "--logger=zap".to_owned(),
        "--log-outputs=stderr".to_owned(),
        // The JSON gateway is not used, and it would dial the member's own client URL.
        "--enable-grpc-gateway=false".to_owned(),
    ];
    arguments.extend_from_slice(setting.extra);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_knows_all_by_their_proxies_and_the_users_flags_come_last() {
        let members = vec![("m1".to_owned(), "http://127.0.0.1:1".to_owned()), ("m2".to_owned(), "http://127.0.0.1:2".to_owned())];
        let setting = Setting {
            name: "m2".to_owned(),
            peer_url: "http://127.0.0.1:2".to_owned(),
            client_url: "http://127.0.0.1:3".to_owned(),
            members,
            election_timeout: Duration::from_secs(1),
            heartbeat_interval: Duration::from_millis(100),
            extra: &["--snapshot-count=10".to_owned()],
        };
        let arguments = arguments(&setting);
        assert!(arguments.contains(&"--initial-cluster=m1=http://127.0.0.1:1,m2=http://127.0.0.1:2".to_owned()));
        assert!(arguments.contains(&"--initial-advertise-peer-urls=http://127.0.0.1:2".to_owned()));
        assert!(arguments.contains(&"--election-timeout=1000".to_owned()));
        assert_eq!(arguments.last().unwrap(), "--snapshot-count=10");
    }
}
