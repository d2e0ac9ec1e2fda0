//! Query 1: everything a user has bought.

use ticketcd_judge::history::call::Purpose;
use ticketcd_judge::model::records::{Purchase, parse_purchases};
use ticketcd_judge::model::{Keyspace, ShopKey};

use super::QueryError;
use super::snapshot::Snapshot;
use crate::etcd::Caller;

/// What a user has bought of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPurchases {
    /// The event's id.
    pub event: String,
    /// The orders, in the order in which they were entered.
    pub purchases: Vec<Purchase>,
}

/// Everything `user` has bought, by event, at one revision.
///
/// # Errors
/// When etcd does not answer, or a value cannot be read.
pub async fn orders_of(keys: &Keyspace, caller: &mut Caller, user: &str) -> Result<Vec<UserPurchases>, QueryError> {
    let mut snapshot = Snapshot::new(caller, Purpose::Orders);
    let mut orders = Vec::new();
    for kv in snapshot.prefix(&keys.purchases_of(user)).await? {
        // The scan of user `a` also meets the keys of a user `a:b`.
        let Some(ShopKey::Purchase { user: owner, event }) = keys.parse(kv.key.as_bytes()) else { continue };
        if owner == user {
            let purchases = parse_purchases(kv.value.as_bytes()).map_err(|source| QueryError::Json { key: kv.key.to_text(), source })?;
            orders.push(UserPurchases { event: event.to_owned(), purchases });
        }
    }
    Ok(orders)
}
