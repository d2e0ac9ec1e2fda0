//! Clusters: members, where they run, how they are started and stopped.

pub mod local;

pub use local::{ClusterError, LocalCluster, LocalOptions};
