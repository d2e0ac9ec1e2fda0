//! All integration tests, in one binary: one module for each room, against real etcd where it takes one.

mod architecture;
mod bad_input;
mod chain;
mod cluster;
mod load;
mod net;
mod one_etcd;
mod published;
mod support;
