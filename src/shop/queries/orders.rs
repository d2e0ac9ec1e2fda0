//! Query 1: everything a user has bought.

use std::collections::BTreeMap;

use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::request::KeyValue;
use ticketcd_judge::model::records::{EventRecord, Purchase, Ticket, parse_purchases};
use ticketcd_judge::model::{Cents, Keyspace, ShopKey};

use super::QueryError;
use super::snapshot::{Selection, Snapshot, parse};
use crate::etcd::RecordingClient;

/// What a user has bought of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPurchases {
    /// The event's id.
    pub event: String,
    /// The orders, in the order in which they were entered.
    pub purchases: Vec<Purchase>,
}

/// Everything a user has bought, with the events it was bought of, at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The revision.
    pub revision: Revision,
    /// Whether there is such a user. The shop sells to others too.
    pub is_known: bool,
    /// What was bought, by event.
    pub events: Vec<AccountEvent>,
}

/// What a user has bought of one event, and what the event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// The event's id.
    pub id: String,
    /// What it is; none when it does not exist.
    pub record: Option<EventRecord>,
    /// The orders, in the order in which they were entered. Where the original noted no price it is the ticket's, which
    /// does not change; it is missing only when the ticket is.
    pub purchases: Vec<Purchase>,
}

/// Everything `user` has bought, by event, at one revision.
///
/// # Errors
/// When etcd does not answer, or a value cannot be read.
pub async fn orders_of(keys: &Keyspace, caller: &mut RecordingClient, user: &str) -> Result<Vec<UserPurchases>, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Orders);
    loop {
        match snapshot.prefix(keys.purchases_of(user)).await {
            Err(error) if snapshot.begins_again(&error) => {}
            outcome => return bought_by(keys, user, &outcome?),
        }
    }
}

/// Everything `user` has bought, with names and prices, at one revision.
///
/// # Errors
/// When etcd does not answer, or a value cannot be read.
pub async fn account_of(keys: &Keyspace, caller: &mut RecordingClient, user: &str) -> Result<Account, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Orders);
    loop {
        match read(&mut snapshot, keys, user).await {
            Err(error) if snapshot.begins_again(&error) => {}
            outcome => return outcome,
        }
    }
}

async fn read(snapshot: &mut Snapshot<'_>, keys: &Keyspace, user: &str) -> Result<Account, QueryError> {
    let found = snapshot.all(vec![Selection::Key(keys.user(user)), Selection::Prefix(keys.purchases_of(user))]).await?;
    let user_key = keys.user(user);
    let is_known = found.iter().any(|kv| kv.key == user_key);
    let mut orders = bought_by(keys, user, &found)?;
    let mut wanted = Vec::new();
    for order in &orders {
        wanted.push(Selection::Key(keys.event(&order.event)));
        let without_price = order.purchases.iter().flat_map(|purchase| &purchase.tickets).filter(|line| line.price.is_none());
        wanted.extend(without_price.map(|line| Selection::Key(keys.ticket(&order.event, &line.kind))));
    }
    let mut records: BTreeMap<String, EventRecord> = BTreeMap::new();
    let mut prices: BTreeMap<(String, String), Cents> = BTreeMap::new();
    for kv in snapshot.all(wanted).await? {
        match keys.parse(kv.key.as_bytes()) {
            Some(ShopKey::Event(id)) => {
                records.insert(id.to_owned(), parse(&kv)?);
            }
            Some(ShopKey::Ticket { event, kind }) => {
                prices.insert((event.to_owned(), kind.to_owned()), parse::<Ticket>(&kv)?.price);
            }
            _ => {}
        }
    }
    for order in &mut orders {
        for line in order.purchases.iter_mut().flat_map(|purchase| &mut purchase.tickets).filter(|line| line.price.is_none()) {
            line.price = prices.get(&(order.event.clone(), line.kind.clone())).copied();
        }
    }
    let event = |order: UserPurchases| AccountEvent { record: records.remove(&order.event), id: order.event, purchases: order.purchases };
    Ok(Account { revision: snapshot.revision(), is_known, events: orders.into_iter().map(event).collect() })
}

/// The purchases of `user` among the keys.
fn bought_by(keys: &Keyspace, user: &str, found: &[KeyValue]) -> Result<Vec<UserPurchases>, QueryError> {
    let mut orders = Vec::new();
    for kv in found {
        // The scan of user `a` also meets the keys of a user `a:b`.
        let Some(ShopKey::Purchase { user: owner, event }) = keys.parse(kv.key.as_bytes()) else { continue };
        if owner == user {
            let purchases = parse_purchases(kv.value.as_bytes()).map_err(|source| QueryError::Json { key: kv.key.to_text(), source })?;
            orders.push(UserPurchases { event: event.to_owned(), purchases });
        }
    }
    Ok(orders)
}
