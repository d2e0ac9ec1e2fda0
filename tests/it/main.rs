//! All integration tests, in one binary: one module for each room, against real etcd where it takes one.

mod architecture;
mod bad_input;
mod chain;
mod cluster;
mod dataset;
mod etcd;
mod fault;
mod known_bad;
mod load;
mod member;
mod net;
mod published;
mod sale;
mod strategies_hold;
mod strategies_locks;
mod support;
