//! Tests against real etcd processes.

mod cluster;
mod net;
mod support;
