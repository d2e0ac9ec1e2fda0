//! Judges the recorded history of an etcd cluster that sold tickets.
//!
//! The crate reads a run directory and gives a verdict. It knows no cluster and no network: whatever it says follows from
//! what was recorded, and anybody with the directory can have it said again.
//!
//! * [`checks`]: the table of all checks, and the judgement of a run directory.
//! * [`core`]: what a check is, and what checks share: the engine, the log of revisions, the key space, the verdict. It knows
//!   no shop.
//! * [`etcd`]: the checks of etcd's guarantees, for any history of an etcd cluster.
//! * [`shop`]: the shop's keys, records and money, its replay, and the checks of its rules.
//! * [`explain`]: recorded facts in English.
//! * [`known_defects`]: the defects of etcd that findings are recognised as.
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
    pub use ticketcd_synth::testing::{Etcd, HeldOrder, Record, RequestOutcome as Fate, Shape, Simulation, run_info};
}
