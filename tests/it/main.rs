//! All integration tests, in one binary: one module for each room, against real etcd where it takes one.

mod architecture;
mod bad_input;
mod boards;
mod cancel;
mod chain;
mod cluster;
mod dataset;
mod etcd;
mod fault;
mod housekeeping;
mod known_bad;
mod load;
mod member;
mod net;
mod published;
mod support;
