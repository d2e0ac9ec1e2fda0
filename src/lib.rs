//! Sells tickets on an etcd cluster while things break, and proves from the record that none was oversold or lost.
//!
//! Data flows one way, and every module uses only those before it in this list:
//! printable, terminal, settings, record, etcd, shop, dataset, net, release, testbed, fault, scenario, load, report, run, hunt, cli.

// Standard output and standard error may be closed: the macros would panic then. `terminal::note` and `cli::output` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod printable;
pub mod terminal;

pub mod settings;

pub mod record;

pub mod etcd;

pub mod shop;

pub mod dataset;

pub mod net;

pub mod release;

pub mod testbed;

pub mod fault;

pub mod scenario;

pub mod load;

pub mod report;

pub mod run;

pub mod hunt;

pub mod cli;
