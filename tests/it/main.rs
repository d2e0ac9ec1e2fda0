//! Tests against real etcd processes.

mod cluster;
mod fault;
mod net;
mod support;
