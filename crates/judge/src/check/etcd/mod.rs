//! The promises of etcd.
