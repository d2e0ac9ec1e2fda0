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
mod objectives;
mod published;
mod queries;
mod shop_cli;
mod stand;
mod strategies_batched;
mod strategies_command;
mod strategies_retry;
mod strategies_sharded;
mod support;
