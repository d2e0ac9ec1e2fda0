//! The head of a peer connection's first request, which names the dialer.
//!
//! etcd's raft connections say in `X-Server-From` the sender's member id and in `X-PeerURLs` its advertised peer URLs.
//! The URLs are known before a member is started, the ids only once the cluster is up.

/// Longest head that is looked at; etcd's are a few hundred bytes.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What the head says about the dialer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Its member id.
    pub(super) id: Option<u64>,
    /// `host:port` of each of its peer URLs.
    pub(super) authorities: Vec<String>,
}

/// Whether the head is all there.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"\r\n\r\n")
}

/// Reads the head; what is not a head says nothing.
pub(super) fn parse(bytes: &[u8]) -> Head {
    let mut head = Head::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("X-Server-From") {
            head.id = u64::from_str_radix(value, 16).ok();
        } else if name.eq_ignore_ascii_case("X-PeerURLs") {
            head.authorities = value.split(',').map(authority).collect();
        }
    }
    head
}

fn authority(url: &str) -> String {
    let url = url.trim();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raft_request_names_its_sender() {
        let bytes = b"GET /raft/stream/message/8e9e05c52164694d HTTP/1.1\r\nHost: 127.0.0.1:2380\r\n\
            x-server-from: a8266ecf031671f3\r\nX-PeerURLs: http://127.0.0.1:12380,http://127.0.0.1:22380/\r\n\r\nX-Server-From: 1\r\n";
        let head = parse(bytes);
        assert_eq!(head.id, Some(0xa826_6ecf_0316_71f3));
        assert_eq!(head.authorities, ["127.0.0.1:12380", "127.0.0.1:22380"]);
        assert!(is_complete(bytes));
        assert!(!is_complete(&bytes[..40]));
    }

    #[test]
    fn other_requests_name_nobody() {
        assert_eq!(parse(b"GET /members HTTP/1.1\r\nHost: m1\r\n\r\n"), Head::default());
        assert_eq!(parse(&[0xff, 0, b':', b'\n', 7]), Head::default());
    }
}
