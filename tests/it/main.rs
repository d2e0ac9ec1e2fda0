//! Tests against real etcd processes, one module for each room.

mod dataset;
mod etcd;
mod support;
