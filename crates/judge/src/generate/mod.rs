//! Made-up runs: what a hot sale on a healthy cluster leaves behind, of any size, with one planted violation on request.
//!
//! The record is as real ones are: buyers on three members race for the same tickets, lose races and read in the failure
//! branch, get no answer and never learn whether they bought, find everything sold out; a member is killed and comes back;
//! at the end there are a barrier and two audits. Everything in it is drawn from the seed, byte for byte the same on every
//! machine. It is written as it is made: memory grows with the shop, not with the number of operations.
//!
//! What it is for: to test the checks at sizes that no real run reaches in reasonable time, and to show that what is planted
//! is found.

mod boards;
mod buyers;
mod cluster;
mod directory;
mod draw;
mod ending;
mod orders;
mod plant;
mod sale;
mod shop;
#[cfg(test)]
mod tests;

use std::io;

pub use directory::{GenerateError, write_run};
pub use plant::{NotAPlant, Plant};

use crate::history::event::Event;
use crate::history::run_dir::RunDir;
use crate::history::run_info::{EtcdInfo, FORMAT_VERSION, HostInfo, MemberInfo, RunInfo, StockLayout};
use crate::model::MemberIndex;

/// Members of a made-up cluster.
const MEMBERS: u8 = 3;

/// When a made-up run began.
pub(crate) const STARTED: &str = "2026-05-01T20:00:00Z";

/// How large a made-up run is, and what it is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Calls that buyers make: each is a request and what came back.
    pub operations: u64,
    /// Tickets on sale; the first is the hottest.
    pub tickets: u32,
    /// Buyers at the same time.
    pub buyers: u32,
    /// The seed.
    pub seed: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// Calls of buyers.
    pub operations: u64,
    /// Orders sold.
    pub sold: u64,
    /// Events written.
    pub events: u64,
    /// The last revision.
    pub revision: i64,
}

/// What `run.json` says of a made-up run.
pub fn run_info(size: &Size, plant: Option<Plant>) -> RunInfo {
    let member = |index: u8| MemberInfo {
        name: MemberIndex(index).name(),
        member_id: member_id(MemberIndex(index)),
        endpoint: format!("unix://{}", MemberIndex(index).name()),
        log: Some(RunDir::member_log_name(MemberIndex(index))),
    };
    RunInfo {
        format_version: FORMAT_VERSION,
        scenario: "generated".to_owned(),
        scenario_sha256: String::new(),
        seed: size.seed,
        run_tag: format!("g{}", size.seed),
        prefix: String::new(),
        strategy: "optimistic".to_owned(),
        layout: StockLayout::Plain,
        started: STARTED.to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        etcd: EtcdInfo { version: "3.5.30".to_owned(), path: "made up".to_owned(), ..EtcdInfo::default() },
        members: (0..MEMBERS).map(member).collect(),
        own_cluster: true,
        host: HostInfo::default(),
        expect: plant.map(|plant| format!("violation:{}", plant.check())),
    }
}

/// Makes up a run and gives its events to `sink`, one after the other.
///
/// # Errors
/// When the sink fails, or when the run is too small for what shall be planted.
pub fn generate(size: &Size, plant: Option<Plant>, sink: &mut dyn FnMut(&Event) -> io::Result<()>) -> io::Result<Generated> {
    sale::Sale::new(size, plant, sink).run()
}

/// etcd's id of a made-up member.
fn member_id(member: MemberIndex) -> u64 {
    0x1000 + u64::from(member.0)
}
