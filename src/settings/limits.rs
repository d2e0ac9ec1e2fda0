//! The bounds of the numbers in a scenario.

use std::time::Duration;

/// Longest span of anything: a slip of the unit is likelier than a run of hours. Soaks are run again instead.
pub const SPAN_MAX: Duration = Duration::from_secs(3600);
/// Longest request timeout.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Longest time to live of a lease: the end of a run waits for those that are left.
pub const LEASE_TTL_MAX: Duration = Duration::from_secs(60);
/// A stall that is rarer than this happens in no run.
pub const STALL_EVERY_MAX: u32 = 1_000_000;
/// etcd refuses a longer election timeout.
pub const ELECTION_TIMEOUT_MAX: Duration = Duration::from_secs(50);
/// etcd refuses an election timeout of fewer heartbeats.
pub const HEARTBEATS_PER_ELECTION: u32 = 5;
/// How many members a cluster may have: odd numbers, for an even one tolerates no more failures than the odd one below.
pub const MEMBERS: [u8; 3] = [1, 3, 5];

/// Most buyers: each is a task and has a latency record.
pub const BUYERS_MAX: u32 = 100_000;
/// Most users.
pub const USERS_MAX: u32 = 1_000_000;
/// Most events.
pub const EVENTS_MAX: u32 = 100_000;
/// Most ticket types of an event: there are as many colours.
pub const TICKET_TYPES_MAX: u8 = 12;
/// Most tickets of one type.
pub const STOCK_MAX: u32 = 1_000_000_000;
/// Largest Zipf exponent: beyond it, practically everything is about one event.
pub const ZIPF_MAX: f64 = 10.0;
/// Most tickets in one line of an order.
pub const QUANTITY_MAX: u32 = 100;
/// Most transactions for one order.
pub const ATTEMPTS_MAX: u32 = 1_000;
/// Fewest operations in a transaction of a batch: below, nothing would be batched.
pub const TXN_OPERATIONS_MIN: u32 = 8;
/// Most operations in a transaction of a batch: etcd's own limit is 128, and can be raised.
pub const TXN_OPERATIONS_MAX: u32 = 10_000;
/// Operations that etcd accepts in one transaction by default.
pub const TXN_OPERATIONS_OF_ETCD: u32 = 128;
/// Most shards of a ticket: the ticket and all its shards are written in one transaction.
pub const SHARDS_MAX: u8 = 64;
/// Most stock boards at the same time.
pub const BOARDS_MAX: u32 = 10_000;
/// Most streams of stock boards to one member.
pub const BOARD_STREAMS_MAX: u8 = 64;
/// Most revisions that compactions keep: more than any run writes.
pub const REVISIONS_MAX: u32 = 100_000_000;
/// Most connections to one member.
pub const CHANNELS_MAX: u8 = 64;
/// Largest weight in a mix.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// Highest rate a second.
pub const RATE_MAX: f64 = 1_000_000.0;
/// Largest share of the calibrated rate: ten times what the cluster can do.
pub const SHARE_MAX: f64 = 10.0;
/// Longest name.
pub const NAME_LENGTH_MAX: usize = 64;
/// Largest file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most faults of a timetable, and most entries of a random pool.
pub const FAULTS_MAX: usize = 1_000;
