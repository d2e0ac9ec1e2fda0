//! All integration tests, in one binary: one module for each room, against real etcd where it takes one.

mod architecture;
mod bad_input;
mod chain;
mod load;
mod one_etcd;
mod published;
