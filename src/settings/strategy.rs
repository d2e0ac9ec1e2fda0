//! The purchase strategies, each with the settings that it has an effect for: a setting of another strategy cannot be written.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::types::ReadMode;
use super::units::Span;

/// A purchase strategy with its settings. In a scenario a bare name stands for the strategy with its default settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Get, check, put: oversells under concurrency.
    Naive(NaiveSettings),
    /// One guarded transaction: safe.
    Optimistic(OptimisticSettings),
    /// Get, check, put under etcd's lock: oversells when the holder stalls for longer than its lease.
    Lock(LockSettings),
    /// The same, but the transaction also compares that the lock is still held: safe.
    FencedLock(FencedLockSettings),
    /// Concurrent orders for an event in one guarded transaction: safe, and the fastest on a hot event.
    Batched(BatchedSettings),
    /// The stock of a ticket in several keys: safe.
    Sharded(ShardedSettings),
    /// Reserved under a lease, paid, confirmed; an unpaid reservation expires: safe.
    Hold(HoldSettings),
    /// Bought at the price of an earlier revision, which the transaction reads again: safe on a correct etcd only. It meets a
    /// defect of every etcd release so far (etcd issue 18667).
    Quoted(QuotedSettings),
    /// A script of yours that speaks JSON lines.
    Command(CommandSettings),
}

impl Strategy {
    /// The names of all strategies.
    pub const NAMES: [&'static str; 9] = ["naive", "optimistic", "lock", "fenced-lock", "batched", "sharded", "hold", "quoted", "command"];

    /// The strategy with this name and default settings; none for `command`, which needs a script, and for unknown names.
    pub fn with_defaults(name: &str) -> Option<Self> {
        Some(match name {
            "naive" => Self::Naive(NaiveSettings::default()),
            "optimistic" => Self::Optimistic(OptimisticSettings::default()),
            "lock" => Self::Lock(LockSettings::default()),
            "fenced-lock" => Self::FencedLock(FencedLockSettings::default()),
            "batched" => Self::Batched(BatchedSettings::default()),
            "sharded" => Self::Sharded(ShardedSettings::default()),
            "hold" => Self::Hold(HoldSettings::default()),
            "quoted" => Self::Quoted(QuotedSettings::default()),
            _ => return None,
        })
    }

    /// The name, as in scenarios and on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Naive(_) => "naive",
            Self::Optimistic(_) => "optimistic",
            Self::Lock(_) => "lock",
            Self::FencedLock(_) => "fenced-lock",
            Self::Batched(_) => "batched",
            Self::Sharded(_) => "sharded",
            Self::Hold(_) => "hold",
            Self::Quoted(_) => "quoted",
            Self::Command(_) => "command",
        }
    }

    /// How the strategy reads the stock before a purchase.
    pub fn read(&self) -> ReadMode {
        match self {
            Self::Naive(settings) => settings.read,
            Self::Optimistic(settings) => settings.read,
            Self::Lock(settings) => settings.read,
            Self::FencedLock(_) => ReadMode::Linearizable,
            Self::Batched(settings) => settings.read,
            Self::Sharded(settings) => settings.read,
            Self::Hold(settings) => settings.read,
            Self::Quoted(settings) => settings.read,
            Self::Command(settings) => settings.read,
        }
    }

    /// What the strategy does when a purchase is not answered.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Optimistic(settings) => settings.retry,
            _ => Retry::Never,
        }
    }
}

/// The content of a choice that is written as a table.
pub(crate) const ONE_CHOICE: &str = "exactly one choice";

/// Reads a strategy: a table with one strategy and its settings, or a bare name.
pub(super) fn by_name_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Strategy, D::Error> {
    struct NameOrTable;

    impl<'de> Visitor<'de> for NameOrTable {
        type Value = Strategy;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("the name of a strategy, or a table such as { hold = { ttl = \"4s\" } }")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<Strategy, E> {
            match Strategy::with_defaults(name) {
                Some(strategy) => Ok(strategy),
                // The only one without default settings.
                None if name == "command" => Err(E::missing_field("run")),
                None => Err(E::unknown_variant(name, &Strategy::NAMES)),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strategy, A::Error> {
            if let Some(length) = map.size_hint()
                && length != 1
            {
                return Err(A::Error::invalid_length(length, &ONE_CHOICE));
            }
            let strategy = Strategy::deserialize(MapAccessDeserializer::new(&mut map))?;
            match map.next_key::<IgnoredAny>()? {
                None => Ok(strategy),
                Some(_) => Err(A::Error::invalid_length(2, &ONE_CHOICE)),
            }
        }
    }

    deserializer.deserialize_any(NameOrTable)
}

/// The schema of what [`by_name_or_table`] reads.
pub(super) fn name_or_table(generator: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = Strategy::NAMES.into_iter().filter(|name| *name != "command").collect();
    json_schema!({ "anyOf": [{ "type": "string", "enum": names }, generator.subschema_for::<Strategy>()] })
}

/// Settings of the strategies that a scenario does not run with by itself. `--strategy NAME`, and each run of a matrix, takes
/// the settings from here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Alternatives {
    /// Settings of `naive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub naive: Option<NaiveSettings>,
    /// Settings of `optimistic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimistic: Option<OptimisticSettings>,
    /// Settings of `lock`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockSettings>,
    /// Settings of `fenced-lock`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fenced_lock: Option<FencedLockSettings>,
    /// Settings of `batched`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batched: Option<BatchedSettings>,
    /// Settings of `sharded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharded: Option<ShardedSettings>,
    /// Settings of `hold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldSettings>,
    /// Settings of `quoted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoted: Option<QuotedSettings>,
    /// Settings of `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandSettings>,
}

impl Alternatives {
    /// Every strategy that has settings here.
    pub fn strategies(&self) -> Vec<Strategy> {
        let Self { naive, optimistic, lock, fenced_lock, batched, sharded, hold, quoted, command } = self.clone();
        [
            naive.map(Strategy::Naive),
            optimistic.map(Strategy::Optimistic),
            lock.map(Strategy::Lock),
            fenced_lock.map(Strategy::FencedLock),
            batched.map(Strategy::Batched),
            sharded.map(Strategy::Sharded),
            hold.map(Strategy::Hold),
            quoted.map(Strategy::Quoted),
            command.map(Strategy::Command),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The same, with default settings for every strategy that has none here and is not `own`. `command` has no defaults.
    #[must_use]
    pub fn with_defaults_beside(&self, own: &Strategy) -> Self {
        fn filled<T: Clone + Default>(settings: &Option<T>, is_own: bool) -> Option<T> {
            settings.clone().or_else(|| (!is_own).then(T::default))
        }
        let is = |name| own.name() == name;
        Self {
            naive: filled(&self.naive, is("naive")),
            optimistic: filled(&self.optimistic, is("optimistic")),
            lock: filled(&self.lock, is("lock")),
            fenced_lock: filled(&self.fenced_lock, is("fenced-lock")),
            batched: filled(&self.batched, is("batched")),
            sharded: filled(&self.sharded, is("sharded")),
            hold: filled(&self.hold, is("hold")),
            quoted: filled(&self.quoted, is("quoted")),
            command: self.command.clone(),
        }
    }

    /// Whether no strategy has settings here.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Settings of `naive`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NaiveSettings {
    /// Pause between the read and the write. It widens the race window, so that a lesson does not depend on luck.
    pub pause: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for NaiveSettings {
    fn default() -> Self {
        Self { pause: Span::milliseconds(0), read: ReadMode::Linearizable }
    }
}

/// Settings of `optimistic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimisticSettings {
    /// Transactions sent for one order before it ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// What to do when a purchase is not answered.
    pub retry: Retry,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for OptimisticSettings {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, back_off: BACK_OFF, retry: Retry::Never, read: ReadMode::Linearizable }
    }
}

/// What to do when a purchase is not answered, so that its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Do nothing: the outcome of the order stays unknown.
    Never,
    /// Send the same transaction with the same guards again: at most one of the two can be applied.
    SameGuard,
    /// Read the stock again and buy under new guards: the classic double sale, for demonstration.
    Blind,
}

/// Settings of `lock`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LockSettings {
    /// Time to live of a holder's lease, in whole seconds. etcd grants at least one and a half election timeouts.
    pub ttl: Span,
    /// How long a buyer waits for the lock before the order ends as a conflict. With `waiters` the buyer waits as long again
    /// for admission to etcd's queue.
    pub wait: Span,
    /// Buyers of one event that hold or await its lock at the same time, at most. The others queue inside `ticketcd`. Without
    /// a limit every buyer awaits the lock in etcd with a lease of its own: keeping hundreds of leases alive costs a cluster
    /// more than the purchases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiters: Option<u32>,
    /// Holders that stall between their check and their write, as in a long garbage collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<Stall>,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for LockSettings {
    fn default() -> Self {
        let FencedLockSettings { ttl, wait, waiters, stall } = FencedLockSettings::default();
        Self { ttl, wait, waiters, stall, read: ReadMode::Linearizable }
    }
}

/// Settings of `fenced-lock`. It always reads through consensus: the fence compares that the lock is still held, not that the
/// stock was read after the lock was acquired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FencedLockSettings {
    /// Time to live of a holder's lease, in whole seconds. etcd grants at least one and a half election timeouts.
    pub ttl: Span,
    /// How long a buyer waits for the lock before the order ends as a conflict. With `waiters` the buyer waits as long again
    /// for admission to etcd's queue.
    pub wait: Span,
    /// Buyers of one event that hold or await its lock at the same time, at most. The others queue inside `ticketcd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiters: Option<u32>,
    /// Holders that stall between their check and their write, as in a long garbage collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<Stall>,
}

impl Default for FencedLockSettings {
    fn default() -> Self {
        Self { ttl: Span::seconds(10), wait: Span::seconds(5), waiters: None, stall: None }
    }
}

/// Lock holders that stall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Every Nth purchase under a lock stalls.
    pub every: u32,
    /// How long it stalls.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// Settings of `batched`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchedSettings {
    /// Batches that an order may be part of before it ends as a conflict.
    pub attempts: u32,
    /// Operations in one transaction, at most. etcd's own limit is 128 unless `--max-txn-ops` raises it.
    pub max_txn_ops: u32,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for BatchedSettings {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, max_txn_ops: 128, read: ReadMode::Linearizable }
    }
}

/// Settings of `sharded`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShardedSettings {
    /// Parts that the stock of each ticket is split into.
    pub shards: u8,
    /// Transactions sent for one order before it ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for ShardedSettings {
    fn default() -> Self {
        Self { shards: 16, attempts: ATTEMPTS, back_off: BACK_OFF, read: ReadMode::Linearizable }
    }
}

/// Settings of `hold`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HoldSettings {
    /// Time to live of a reservation's lease, in whole seconds. etcd grants at least one and a half election timeouts.
    pub ttl: Span,
    /// Mean time to pay. Each is drawn from an exponential distribution.
    pub pay: Span,
    /// Share of buyers who reserve and never pay, in percent. Their reservations expire.
    pub abandon_percent: u8,
    /// Share of buyers who reserve and then cancel, in percent. Their tickets return to the stock at once.
    pub cancel_percent: u8,
    /// Transactions sent to reserve, and again to confirm, before the order ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for HoldSettings {
    fn default() -> Self {
        Self {
            ttl: Span::seconds(5),
            pay: Span::milliseconds(20),
            abandon_percent: 5,
            cancel_percent: 5,
            attempts: ATTEMPTS,
            back_off: BACK_OFF,
            read: ReadMode::Linearizable,
        }
    }
}

/// Settings of `quoted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuotedSettings {
    /// Transactions sent for one order before it ends as a conflict.
    pub attempts: u32,
    /// Longest pause after the first conflict. The limit doubles with each conflict, up to 100 times this value.
    pub back_off: Span,
    /// How the stock is read.
    pub read: ReadMode,
}

impl Default for QuotedSettings {
    fn default() -> Self {
        Self { attempts: ATTEMPTS, back_off: BACK_OFF, read: ReadMode::Linearizable }
    }
}

/// Settings of `command`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSettings {
    /// The program and its arguments: `["python3", "buy.py"]`.
    pub run: Vec<String>,
    /// How long the script may take for one order, its requests included.
    #[serde(default = "command_timeout")]
    pub timeout: Span,
    /// How the script's reads are made.
    #[serde(default)]
    pub read: ReadMode,
}

impl CommandSettings {
    /// A command with default settings.
    pub fn new(run: Vec<String>) -> Self {
        Self { run, timeout: command_timeout(), read: ReadMode::Linearizable }
    }
}

fn command_timeout() -> Span {
    Span::seconds(5)
}

/// Transactions for one order, by default.
pub(super) const ATTEMPTS: u32 = 12;
/// Longest pause after the first conflict, by default.
pub(super) const BACK_OFF: Span = Span::milliseconds(2);
