//! The header of a peer connection's first request, which identifies the dialer.
//!
//! etcd's raft connections carry the sender's member id in `X-Server-From` and its advertised peer URLs in `X-PeerURLs`.
//! The URLs are known before a member is started, the ids only once the cluster is up.

/// Longest header that is read; etcd's are a few hundred bytes.
pub(super) const HEADER_BYTES_MAX: usize = 16 * 1024;

/// The dialer's identity in a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PeerHeader {
    /// Its member id.
    pub(super) id: Option<u64>,
    /// `host:port` of each of its peer URLs.
    pub(super) authorities: Vec<String>,
}

/// Whether the header is complete.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"\r\n\r\n")
}

/// Parses a header. Bytes that are no header identify no dialer.
pub(super) fn parse(bytes: &[u8]) -> PeerHeader {
    let mut header = PeerHeader::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("X-Server-From") {
            header.id = u64::from_str_radix(value, 16).ok();
        } else if name.eq_ignore_ascii_case("X-PeerURLs") {
            header.authorities = value.split(',').map(authority).collect();
        }
    }
    header
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
    fn a_raft_request_identifies_its_sender() {
        let bytes = b"GET /raft/stream/message/8e9e05c52164694d HTTP/1.1\r\nHost: 127.0.0.1:2380\r\n\
            x-server-from: a8266ecf031671f3\r\nX-PeerURLs: http://127.0.0.1:12380,http://127.0.0.1:22380/\r\n\r\nX-Server-From: 1\r\n";
        let header = parse(bytes);
        assert_eq!(header.id, Some(0xa826_6ecf_0316_71f3));
        assert_eq!(header.authorities, ["127.0.0.1:12380", "127.0.0.1:22380"]);
        assert!(is_complete(bytes));
        assert!(!is_complete(&bytes[..40]));
    }

    #[test]
    fn other_requests_identify_no_sender() {
        assert_eq!(parse(b"GET /members HTTP/1.1\r\nHost: m1\r\n\r\n"), PeerHeader::default());
        assert_eq!(parse(&[0xff, 0, b':', b'\n', 7]), PeerHeader::default());
    }
}
