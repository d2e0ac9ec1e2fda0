//! The integration tests: one binary, one module for each room, against real etcd.

mod dataset;
mod etcd;
mod load;
mod one_etcd;
mod support;
