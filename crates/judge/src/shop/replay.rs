//! The state of the shop after each revision, and the changes of each revision.

use rustc_hash::FxHashMap;

use super::model::records::{EventRecord, HoldRecord, Purchase, Shard, Ticket, parse_purchases};
use super::model::{Keyspace, ShopKey};
use crate::core::check::{SequencedRevision, View, Viewed};
use ticketcd_history::Blob;
use ticketcd_history::run_info::RunInfo;
use ticketcd_history::watch::WatchEvent;

/// A change of one key of the shop. `before` is what the replay had; `after` is `None` when the key was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShopChange {
    /// A ticket.
    Ticket {
        /// The event's id.
        event: Blob,
        /// The type.
        kind: Blob,
        /// As it was.
        before: Option<Ticket>,
        /// As it is.
        after: Option<Ticket>,
    },
    /// An event.
    Event {
        /// The event's id.
        event: Blob,
        /// As it was.
        before: Option<EventRecord>,
        /// As it is.
        after: Option<EventRecord>,
    },
    /// The purchases of one user for one event.
    Purchases {
        /// The user.
        user: Blob,
        /// The event's id.
        event: Blob,
        /// Entries that were added.
        added: Vec<Purchase>,
        /// Entries that were removed.
        removed: Vec<Purchase>,
    },
    /// A reservation.
    Hold {
        /// The event's id.
        event: Blob,
        /// The order's id.
        order: Blob,
        /// As it was.
        before: Option<HoldRecord>,
        /// As it is.
        after: Option<HoldRecord>,
    },
    /// The key that carries the lease of a reservation.
    HoldAlive {
        /// The event's id.
        event: Blob,
        /// The order's id.
        order: Blob,
        /// Whether it exists now.
        alive: bool,
        /// The lease it is attached to; 0 if it was deleted.
        lease: i64,
    },
    /// A part of a ticket's stock.
    Shard {
        /// The event's id.
        event: Blob,
        /// The type.
        kind: Blob,
        /// Which part.
        number: u32,
        /// What it held; none when it did not exist.
        before: Option<i64>,
        /// What it holds; none when it was removed.
        after: Option<i64>,
    },
    /// A key of a lock.
    Lock {
        /// The lock's name and the lease, as etcd writes them: `{event}/{lease}`.
        name: Blob,
        /// Whether it exists now.
        held: bool,
        /// The lease it is attached to; 0 if it was deleted.
        lease: i64,
    },
    /// A key of the shop whose value cannot be read.
    Malformed {
        /// The key.
        key: Blob,
        /// What is wrong with it.
        error: String,
    },
    /// Any other key.
    Other,
}

/// The changes of a revision to the shop, one per event, in order. Empty if the revision has no view of a shop.
pub(super) fn changes<'run>(revision: &SequencedRevision<'run>) -> &'run [ShopChange] {
    revision.view.and_then(|view| view.downcast_ref::<Vec<ShopChange>>()).map_or(&[], Vec::as_slice)
}

/// The [view](crate::core::check::CheckInfo::view) of the shop's checks: one replay for all of them.
pub(super) fn view(info: &RunInfo) -> Box<dyn View> {
    Box::new(ShopReplay::new(Keyspace::new(info.prefix.as_str())))
}

impl View for ShopReplay {
    fn read(&mut self, events: &[WatchEvent]) -> Viewed {
        Box::new(self.apply(events))
    }
}

/// The last readable value of every ticket, event and purchase key.
#[derive(Debug)]
pub(super) struct ShopReplay {
    keys: Keyspace,
    tickets: FxHashMap<Blob, Ticket>,
    holds: FxHashMap<Blob, HoldRecord>,
    shards: FxHashMap<Blob, Shard>,
    events: FxHashMap<Blob, EventRecord>,
    /// Kept serialized: there is one for every buyer of every event.
    purchases: FxHashMap<Blob, Blob>,
}

impl ShopReplay {
    fn new(keys: Keyspace) -> Self {
        Self {
            keys,
            tickets: FxHashMap::default(),
            holds: FxHashMap::default(),
            shards: FxHashMap::default(),
            events: FxHashMap::default(),
            purchases: FxHashMap::default(),
        }
    }

    /// Applies the events of a revision and returns one change per event.
    fn apply(&mut self, events: &[WatchEvent]) -> Vec<ShopChange> {
        events.iter().map(|event| self.change(event)).collect()
    }

    fn change(&mut self, change: &WatchEvent) -> ShopChange {
        let key = &change.kv.key;
        let value = (!change.deleted).then_some(&change.kv.value);
        let applied =
            match self.keys.parse(key.as_bytes()) {
                Some(ShopKey::Ticket { event, kind }) => replace(&mut self.tickets, key, value).map(|(before, after)| ShopChange::Ticket {
                    event: event.into(),
                    kind: kind.into(),
                    before,
                    after,
                }),
                Some(ShopKey::Event(event)) => {
                    replace(&mut self.events, key, value).map(|(before, after)| ShopChange::Event { event: event.into(), before, after })
                }
                Some(ShopKey::Purchase { user, event }) => self
                    .replace_purchases(key, value)
                    .map(|(added, removed)| ShopChange::Purchases { user: user.into(), event: event.into(), added, removed }),
                Some(ShopKey::Hold { event, order }) => replace(&mut self.holds, key, value).map(|(before, after)| ShopChange::Hold {
                    event: event.into(),
                    order: order.into(),
                    before,
                    after,
                }),
                Some(ShopKey::HoldAlive { event, order }) => {
                    Ok(ShopChange::HoldAlive { event: event.into(), order: order.into(), alive: !change.deleted, lease: change.kv.lease })
                }
                Some(ShopKey::Shard { event, kind, number }) => {
                    replace(&mut self.shards, key, value).map(|(before, after): (Option<Shard>, _)| ShopChange::Shard {
                        event: event.into(),
                        kind: kind.into(),
                        number,
                        before: before.map(|shard| shard.current_quantity),
                        after: after.map(|shard| shard.current_quantity),
                    })
                }
                Some(ShopKey::Lock(name)) => Ok(ShopChange::Lock { name: name.into(), held: !change.deleted, lease: change.kv.lease }),
                _ => Ok(ShopChange::Other),
            };
        applied.unwrap_or_else(|error| ShopChange::Malformed { key: key.clone(), error: error.to_string() })
    }

    fn replace_purchases(&mut self, key: &Blob, value: Option<&Blob>) -> Result<(Vec<Purchase>, Vec<Purchase>), serde_json::Error> {
        let before = self.purchases.get(key);
        let difference = match (before, value) {
            (None, None) => (Vec::new(), Vec::new()),
            (None, Some(after)) => (parse_purchases(after.as_bytes())?, Vec::new()),
            (Some(before), None) => (Vec::new(), parse_purchases(before.as_bytes())?),
            (Some(before), Some(after)) => match appended(before.as_bytes(), after.as_bytes()) {
                Some(added) => (added, Vec::new()),
                None => difference(parse_purchases(before.as_bytes())?, parse_purchases(after.as_bytes())?),
            },
        };
        match value {
            Some(value) => drop(put(&mut self.purchases, key, value.clone())),
            None => drop(self.purchases.remove(key)),
        }
        Ok(difference)
    }
}

/// Replaces the previous value by the decoded one and returns both. A value that cannot be parsed replaces nothing.
fn replace<Record: Clone + serde::de::DeserializeOwned>(
    records: &mut FxHashMap<Blob, Record>,
    key: &Blob,
    value: Option<&Blob>,
) -> Result<(Option<Record>, Option<Record>), serde_json::Error> {
    let Some(value) = value else { return Ok((records.remove(key), None)) };
    let after: Record = serde_json::from_slice(value.as_bytes())?;
    Ok((put(records, key, after.clone()), Some(after)))
}

/// As `insert`, but without cloning a key that exists.
fn put<Record>(records: &mut FxHashMap<Blob, Record>, key: &Blob, record: Record) -> Option<Record> {
    match records.get_mut(key) {
        Some(place) => Some(std::mem::replace(place, record)),
        None => records.insert(key.clone(), record),
    }
}

/// The entries that were appended, if the new array only extends the old one: this is nearly always the case, and avoids
/// parsing a growing array from its start every time.
fn appended(before: &[u8], after: &[u8]) -> Option<Vec<Purchase>> {
    let kept = before.strip_suffix(b"]")?;
    if !kept.ends_with(b"}") {
        return None;
    }
    let rest = after.strip_prefix(kept)?.strip_prefix(b",")?;
    serde_json::from_slice(&[b"[", rest].concat()).ok()
}

/// The entries of `after` that are not in `before`, and those of `before` that are not in `after`.
fn difference(mut before: Vec<Purchase>, after: Vec<Purchase>) -> (Vec<Purchase>, Vec<Purchase>) {
    let shared = before.iter().zip(&after).take_while(|(old, new)| old == new).count();
    before.drain(..shared);
    let mut added = Vec::new();
    for purchase in after.into_iter().skip(shared) {
        match before.iter().position(|old| *old == purchase) {
            Some(position) => drop(before.remove(position)),
            None => added.push(purchase),
        }
    }
    (added, before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketcd_history::request::KeyValue;

    fn order(id: &str) -> String {
        format!(r#"{{"id":"{id}","date":"01-05-2026 20:00","tickets":[{{"type":"pink","quantity":1,"price":5.00}}]}}"#)
    }

    fn put(replay: &mut ShopReplay, key: &str, value: &str) -> ShopChange {
        let kv = KeyValue { key: key.into(), value: value.into(), ..KeyValue::default() };
        replay.apply(&[WatchEvent::new(false, kv)]).remove(0)
    }

    fn ids(purchases: &[Purchase]) -> Vec<&str> {
        purchases.iter().filter_map(|purchase| purchase.id.as_deref()).collect()
    }

    /// The ids added and removed by each of the values that follow each other.
    fn differences(values: &[String]) -> Vec<(Vec<String>, Vec<String>)> {
        let mut replay = ShopReplay::new(Keyspace::new(""));
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        let differences = values.iter().map(|value| match put(&mut replay, "purchase:ann:e1", value) {
            ShopChange::Purchases { added, removed, .. } => (owned(ids(&added)), owned(ids(&removed))),
            other => panic!("{other:?}"),
        });
        differences.collect()
    }

    #[test]
    fn purchases_are_compared_by_entry() {
        let (a, b, c) = (order("r-1-1"), order("r-1-2"), order("r-1-3"));
        let values = [format!("[{a}]"), format!("[{a},{b}]"), format!("[{a}, {b} ,{c}]"), format!("[{c},{a}]"), "[]".to_owned(), a.clone()];
        let found: Vec<String> = differences(&values).iter().map(|(added, removed)| format!("+{added:?} -{removed:?}")).collect();
        let expected = [
            r#"+["r-1-1"] -[]"#,
            r#"+["r-1-2"] -[]"#,
            r#"+["r-1-3"] -[]"#,
            r#"+[] -["r-1-2"]"#,
            r#"+[] -["r-1-3", "r-1-1"]"#,
            r#"+["r-1-1"] -[]"#,
        ];
        // Removed entries are in the order of the previous value.
        assert_eq!(found[..4], expected[..4]);
        assert_eq!(found[5], expected[5]);
        assert!(found[4].contains("r-1-3") && found[4].contains("r-1-1"), "{}", found[4]);
    }

    #[test]
    fn an_element_that_changes_is_removed_and_added() {
        let (a, mut changed) = (order("r-1-1"), order("r-1-1"));
        changed = changed.replace(r#""quantity":1"#, r#""quantity":2"#);
        assert_eq!(differences(&[format!("[{a}]"), format!("[{changed}]")])[1], (vec!["r-1-1".to_owned()], vec!["r-1-1".to_owned()]));
    }

    #[test]
    fn a_value_that_cannot_be_read_replaces_nothing() {
        let mut replay = ShopReplay::new(Keyspace::new("shop/"));
        let value = |left: i64| format!(r#"{{"total_quantity":10,"current_quantity":{left},"price":5.00}}"#);
        put(&mut replay, "shop/ticket:e1:pink", &value(10));
        assert!(matches!(put(&mut replay, "shop/ticket:e1:pink", "{"), ShopChange::Malformed { .. }));
        match put(&mut replay, "shop/ticket:e1:pink", &value(9)) {
            ShopChange::Ticket { before, after, .. } => {
                assert_eq!((before.unwrap().current_quantity, after.unwrap().current_quantity), (10, 9));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(put(&mut replay, "ticket:e1:pink", "{"), ShopChange::Other);
    }
}
