//! The promises of etcd.

mod difference;
pub mod logs;
pub mod real_time;
pub mod recovery;
pub mod replicas;
