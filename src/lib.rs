//! Sells tickets on an etcd cluster while things break, and proves from the record that none was oversold or lost.
//!
//! Data flows one way, and every module uses only those before it in this list:
//! printable, settings, record, etcd, shop, dataset, net, release, testbed, fault, scenario, load, report, run, hunt, cli.

pub mod printable;

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
