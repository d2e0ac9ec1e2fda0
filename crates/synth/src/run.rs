//! What every synthetic run has in common: its size, its `run.json`, its constants.

use crate::cluster::member_id;
use crate::mutation::Mutation;
use crate::strategy::Strategy;
use ticketcd_history::run_dir::RunDir;
use ticketcd_history::run_info::{EtcdInfo, FORMAT_VERSION, HostInfo, MemberInfo, RunInfo, TestbedInfo};
use ticketcd_history::{MemberIndex, Nanos};

/// Members of the cluster.
pub(crate) const MEMBERS: u8 = 3;

/// The member that is killed.
pub(crate) const KILLED: MemberIndex = MemberIndex(1);

/// The member that breaks a promise, where a mutation concerns a single member.
pub(crate) const BROKEN: MemberIndex = MemberIndex(2);

/// What `run.json` contains in place of the path of etcd.
pub const SYNTHETIC: &str = "synthetic";

pub(crate) const MICROSECOND: Nanos = 1_000;
pub(crate) const MILLISECOND: Nanos = 1_000_000;
pub(crate) const SECOND: Nanos = 1_000_000_000;

/// When a synthetic run began.
pub(crate) const STARTED: &str = "2026-05-01T20:00:00Z";

/// How large a synthetic run is, and what it is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Calls of buyers: each is a request with its response.
    pub operations: u64,
    /// Tickets on sale; the first is the hottest.
    pub tickets: u32,
    /// Concurrent buyers.
    pub buyers: u32,
    /// The seed.
    pub seed: u64,
}

/// What was generated.
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

/// The `run.json` of a synthetic run: of the strategy that the mutation needs, by default the optimistic one.
pub fn run_info(size: &Size, mutation: Option<Mutation>) -> RunInfo {
    let strategy = mutation.map(Mutation::strategy).unwrap_or_default();
    RunInfo { expect: mutation.map(|mutation| format!("violation:{}", mutation.check())), ..run_info_of(size, strategy) }
}

/// The `run.json` of a valid synthetic run of a strategy.
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
        etcd: EtcdInfo { version: "3.5.30".to_owned(), path: SYNTHETIC.to_owned(), ..EtcdInfo::default() },
        members: (0..MEMBERS).map(member).collect(),
        testbed: TestbedInfo::OWN,
        host: HostInfo::default(),
        expect: None,
    }
}

/// The tag that begins every order id of a synthetic run.
pub(crate) fn run_tag(size: &Size) -> String {
    format!("g{}", size.seed)
}
