//! The checks of etcd's guarantees.

pub mod authorship;
mod beyond;
pub mod branch;
pub mod collectors;
pub mod divergence;
mod incarnations;
pub mod leases;
pub mod logs;
pub mod reads;
pub mod real_time;
pub mod recovery;
pub mod replicas;
pub mod serializable;
pub mod sessions;
pub mod watch;
