//! Query 2: the revenue of event types.

use std::collections::{BTreeMap, BTreeSet};

use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::model::{Keyspace, ShopKey};

use super::QueryError;
use super::snapshot::{Selection, Snapshot, parse};
use super::stock::{Elsewhere, Stocks, stock_of};
use crate::etcd::RecordingClient;

/// The revenue of one event type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revenue {
    /// The revision it was read at.
    pub revision: Revision,
    /// Events of the type.
    pub events: usize,
    /// Tickets sold.
    pub sold: i64,
    /// What they brought in, cents.
    pub cents: i128,
}

/// The revenue of several event types, all read at one revision: what is sold meanwhile is in none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revenues {
    /// The revision.
    pub revision: Revision,
    /// By event type. A type without an index is not there.
    pub types: BTreeMap<String, Revenue>,
}

/// The revenue of the events of type `kind`: the sum of price × (total − available) over their tickets, at one revision.
/// A type without events has none.
///
/// # Errors
/// When etcd does not answer, or a value cannot be read.
pub async fn revenue_of(keys: &Keyspace, caller: &mut RecordingClient, kind: &str) -> Result<Revenue, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Revenue);
    let wanted = [Selection::Key(keys.search_type(kind))];
    let revenues = read(&mut snapshot, keys, &wanted).await?;
    Ok(revenues.types.get(kind).copied().unwrap_or(Revenue { revision: revenues.revision, ..Revenue::default() }))
}

/// The revenue of the named event types, or of all there are when none is named, at one revision.
///
/// # Errors
/// As for [`revenue_of`].
pub async fn revenue_of_all(keys: &Keyspace, caller: &mut RecordingClient, kinds: &[String]) -> Result<Revenues, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Revenue);
    let named = kinds.iter().collect::<BTreeSet<_>>().into_iter().map(|kind| Selection::Key(keys.search_type(kind)));
    let wanted: Vec<_> = if kinds.is_empty() { vec![Selection::Prefix(keys.search_type(""))] } else { named.collect() };
    read(&mut snapshot, keys, &wanted).await
}

/// Reads until it was all read at one revision.
async fn read(snapshot: &mut Snapshot<'_>, keys: &Keyspace, indexes: &[Selection]) -> Result<Revenues, QueryError> {
    loop {
        match read_once(snapshot, keys, indexes).await {
            Err(error) if snapshot.begins_again(&error) => {}
            outcome => return outcome,
        }
    }
}

async fn read_once(snapshot: &mut Snapshot<'_>, keys: &Keyspace, indexes: &[Selection]) -> Result<Revenues, QueryError> {
    let mut elsewhere = Elsewhere::default();
    let mut events_by_type: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let wanted = indexes.iter().cloned().chain(Elsewhere::wanted(keys)).collect();
    for kv in snapshot.all(wanted).await? {
        match keys.parse(kv.key.as_bytes()) {
            Some(ShopKey::SearchType(kind)) => {
                events_by_type.insert(kind.to_owned(), parse::<Vec<String>>(&kv)?.into_iter().collect());
            }
            Some(other) => elsewhere.observe(&other),
            None => {}
        }
    }
    let events = events_by_type.values().flatten().cloned().collect();
    let stocks = stock_of(snapshot, keys, &events, elsewhere).await?;
    let revision = snapshot.revision();
    let types = events_by_type.into_iter().map(|(kind, events)| (kind, add_up(&events, &stocks, revision))).collect();
    Ok(Revenues { revision, types })
}

fn add_up(events: &BTreeSet<String>, stocks: &Stocks, revision: Revision) -> Revenue {
    let (mut sold, mut cents) = (0_i128, 0_i128);
    for ticket in events.iter().filter_map(|event| stocks.get(event)).flat_map(BTreeMap::values) {
        sold += ticket.sold();
        cents = cents.saturating_add(ticket.revenue());
    }
    let sold = i64::try_from(sold).unwrap_or(if sold < 0 { i64::MIN } else { i64::MAX });
    Revenue { revision, events: events.len(), sold, cents }
}
