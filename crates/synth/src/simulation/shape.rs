//! How large a simulated shop is.

use crate::cluster::member_id;
use crate::run::STARTED;
use ticketcd_history::MemberIndex;
use ticketcd_history::run_info::{EtcdInfo, FORMAT_VERSION, HostInfo, MemberInfo, RunInfo, StockLayout, TestbedInfo};

/// The size of a simulated shop.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Members of the cluster.
    pub members: u8,
    /// Events: `e1`, `e2`, …
    pub events: u32,
    /// Ticket types of each event.
    pub kinds: Vec<String>,
    /// Tickets of each type.
    pub stock: i64,
    /// The prefix of the shop's keys.
    pub prefix: String,
    /// The purchase strategy, as the record names it.
    pub strategy: String,
    /// Where the stock is kept, by the record.
    pub layout: StockLayout,
}

impl Default for Shape {
    fn default() -> Self {
        let kinds = ["pink", "yellow"].map(str::to_owned).to_vec();
        let strategy = "optimistic".to_owned();
        Self { members: 3, events: 2, kinds, stock: 10, prefix: "shop/".to_owned(), strategy, layout: StockLayout::Plain }
    }
}

/// The `run.json` of a run of that shape.
pub fn run_info(shape: &Shape) -> RunInfo {
    let member = |index: u8| MemberInfo {
        name: MemberIndex(index).name(),
        member_id: member_id(MemberIndex(index)),
        endpoint: format!("http://127.0.0.1:{}", 2379 + u32::from(index)),
        log: None,
    };
    RunInfo {
        format_version: FORMAT_VERSION,
        scenario: "simulation".to_owned(),
        scenario_sha256: String::new(),
        seed: 1,
        run_tag: "r1".to_owned(),
        prefix: shape.prefix.clone(),
        strategy: shape.strategy.clone(),
        layout: shape.layout,
        started: STARTED.to_owned(),
        tool_version: "0.1.0".to_owned(),
        etcd: EtcdInfo { version: "3.5.30".to_owned(), ..EtcdInfo::default() },
        members: (0..shape.members).map(member).collect(),
        testbed: TestbedInfo::OWN,
        host: HostInfo::default(),
        expect: None,
    }
}
