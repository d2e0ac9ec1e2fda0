//! Clusters: members, where they run, how they are started and stopped.

mod error;
mod flags;
mod health;
pub mod leash;
pub mod local;
mod member;
pub mod scratch;

pub use error::ClusterError;
pub use local::{LocalCluster, LocalOptions};
pub use scratch::Scratch;
