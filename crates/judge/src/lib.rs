//! Judges the recorded history of an etcd cluster under a ticket sale.
//!
//! The crate reads a run directory and returns a verdict. It needs no cluster and no network: the verdict depends only on the
//! recorded history and can be reproduced from the directory.
//!
//! * [`checks`]: the table of all checks, and the judgement of a run directory.
//! * [`core`]: what a check is, and what checks share: the engine, the log of revisions, the key space, the verdict. It is
//!   independent of the shop.
//! * [`etcd`]: the checks of etcd's guarantees, for any history of an etcd cluster.
//! * [`shop`]: the shop's keys, records and money, its replay, and the checks of its rules.
//! * [`explain`]: recorded facts in words.
//! * [`known_defects`]: known defects of etcd, and how they are recognised.
//! * [`linearizability`]: the general search, for any history of any object, and the histories of other tools.

pub mod checks;
pub mod core;
pub mod etcd;
pub mod explain;
pub mod known_defects;
pub mod linearizability;
pub mod shop;

pub use shop::model;
pub use ticketcd_history as history;

#[cfg(test)]
pub(crate) mod testing {
    pub use ticketcd_synth::testing::{Etcd, HeldOrder, Record, RequestOutcome, Shape, Simulation, run_info};
}
