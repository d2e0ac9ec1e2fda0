//! The promises of etcd.

pub mod logs;
pub mod real_time;
pub mod recovery;
pub mod replicas;
