//! Judges the recorded history of an etcd cluster that sold tickets.
//!
//! The crate reads a run directory and gives a verdict. It knows no cluster and no network: whatever it says follows from
//! what was recorded, and anybody with the directory can have it said again.
//!
//! * [`model`]: what a shop is made of: ids, money, keys, records.
//! * [`core`]: what checks share: the log of revisions.
//! * [`check`]: the promises, one file each, and the verdict.
//! * [`explain`]: recorded facts in English.
//! * [`known_defects`]: the defects of etcd that findings are recognised as.
//! * [`linearizable`]: the general search, for any history of registers.

pub mod check;
pub mod core;
pub mod explain;
pub mod known_defects;
pub mod linearizable;
pub mod model;

pub use ticketcd_history as history;

#[cfg(test)]
pub(crate) mod testing {
    pub use ticketcd_synth::testing::{Etcd, HeldOrder, Record, RequestOutcome as Fate, Shape, Simulation, run_info};
}
