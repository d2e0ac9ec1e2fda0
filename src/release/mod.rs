//! etcd binaries: finding, installing, and what differs between versions.
