//! Made-up runs: what a hot sale on a healthy cluster leaves behind, of any size, with one planted violation on request.
//!
//! The record is as real ones are: buyers on three members race for the same tickets, lose races and read in the failure
//! branch, get no answer and never learn whether they bought, find everything sold out; a member is killed and comes back;
//! people look at stock boards and at pages that may be stale, and take orders back; at the end there are a barrier and two
//! audits. Everything in it is drawn from the seed, byte for byte the same on every
//! machine. It is written as it is made: memory grows with the shop, not with the number of operations.
//!
//! What it is for: to test the checks at sizes that no real run reaches in reasonable time, and to show that what is planted
//! is found.

mod boards;
mod cluster;
mod delays;
mod directory;
mod draw;
pub mod guide;
mod plan;
mod plant;
mod sale;
mod shop;
pub(crate) mod simulation;
mod staged;
mod strategy;
mod tape;
pub mod testing;
#[cfg(test)]
mod tests;

use std::io;

pub use directory::{GenerateError, write_run};
pub use plant::{NotAPlant, Plant};
pub use strategy::{NotAStrategy, Strategy};

use ticketcd_history::event::Event;
use ticketcd_history::run_dir::RunDir;
use ticketcd_history::run_info::{EtcdInfo, FORMAT_VERSION, HostInfo, MemberInfo, RunInfo, TestbedInfo};
use ticketcd_judge::model::{MemberIndex, Nanos};

/// Members of a made-up cluster.
const MEMBERS: u8 = 3;

/// The member that is killed.
const KILLED: MemberIndex = MemberIndex(1);

/// What `run.json` says where the path of etcd would stand.
pub const MADE_UP: &str = "made up";

const MICROSECOND: Nanos = 1_000;
const MILLISECOND: Nanos = 1_000_000;
const SECOND: Nanos = 1_000_000_000;

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

/// What `run.json` says of a made-up run: one of the strategy that the plant needs, by default of the optimistic one.
pub fn run_info(size: &Size, plant: Option<Plant>) -> RunInfo {
    let strategy = plant.map(Plant::strategy).unwrap_or_default();
    RunInfo { expect: plant.map(|plant| format!("violation:{}", plant.check())), ..run_info_of(size, strategy) }
}

/// What `run.json` says of a made-up run without a plant, of a strategy.
pub fn run_info_of(size: &Size, strategy: Strategy) -> RunInfo {
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
        run_tag: run_tag(size),
        prefix: String::new(),
        strategy: strategy.name().to_owned(),
        layout: strategy.layout(),
        started: STARTED.to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        etcd: EtcdInfo { version: "3.5.30".to_owned(), path: MADE_UP.to_owned(), ..EtcdInfo::default() },
        members: (0..MEMBERS).map(member).collect(),
        testbed: TestbedInfo::OWN,
        host: HostInfo::default(),
        expect: None,
    }
}

/// Makes up a run of the strategy that the plant needs, by default of the optimistic one, and gives its events to `sink`,
/// one after the other.
///
/// # Errors
/// When the sink fails, or when the run is too small for what shall be planted.
pub fn generate(size: &Size, plant: Option<Plant>, sink: &mut dyn FnMut(&Event) -> io::Result<()>) -> io::Result<Generated> {
    generate_of(size, plant.map(Plant::strategy).unwrap_or_default(), plant, sink)
}

/// Makes up a run of a strategy and gives its events to `sink`, one after the other.
///
/// # Errors
/// When the sink fails, when the run is too small for what shall be planted, or when the strategy has nothing of the kind.
pub fn generate_of(
    size: &Size,
    strategy: Strategy,
    plant: Option<Plant>,
    sink: &mut dyn FnMut(&Event) -> io::Result<()>,
) -> io::Result<Generated> {
    if let Some(plant) = plant.filter(|plant| plant.strategy() != strategy) {
        let needed = plant.strategy();
        return Err(io::Error::other(format!("{plant} is planted into runs of the strategy {needed}, not of {strategy}")));
    }
    match strategy {
        Strategy::Optimistic => sale::Sale::new(size, plant, sink).run(),
        Strategy::Sharded | Strategy::Hold | Strategy::Lock | Strategy::FencedLock => {
            staged::Staged::new(size, strategy, plant, sink).run()
        }
    }
}

/// The tag that begins every order id of a made-up run.
fn run_tag(size: &Size) -> String {
    format!("g{}", size.seed)
}

/// etcd's id of a made-up member.
pub(crate) fn member_id(member: MemberIndex) -> u64 {
    0x1000 + u64::from(member.0)
}
