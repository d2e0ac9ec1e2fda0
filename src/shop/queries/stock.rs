//! What is left of the tickets of events, wherever the stock is kept: in the ticket itself, in shards, or reserved.

use std::collections::{BTreeMap, BTreeSet};

use ticketcd_judge::history::request::KeyValue;
use ticketcd_judge::model::records::{HoldRecord, Shard, Ticket};
use ticketcd_judge::model::{Cents, Keyspace, ShopKey};

use super::QueryError;
use super::snapshot::{Selection, Snapshot, parse};

/// The stock of one ticket type of an event at one revision. What is not here is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketStock {
    /// How many there were.
    pub total: i128,
    /// How many can be bought now: what the ticket and its shards count.
    pub left: i128,
    /// How many are reserved, neither left nor sold.
    pub held: i128,
    /// Into how many shards its stock is split; 0 when the ticket keeps it all.
    pub shards: u32,
    /// The price of one.
    pub price: Cents,
}

impl TicketStock {
    /// How many are sold.
    pub fn sold(&self) -> i128 {
        self.total - self.left - self.held
    }

    /// What they brought in, cents.
    pub fn revenue(&self) -> i128 {
        self.sold().saturating_mul(i128::from(self.price.0))
    }
}

/// The tickets of events, by event and type.
pub type Stocks = BTreeMap<String, BTreeMap<String, TicketStock>>;

/// Where stock may be beside the tickets. Most shops keep none there, so it is asked once, together with the first read of
/// a query, and not event by event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Elsewhere {
    shards: bool,
    holds: bool,
}

impl Elsewhere {
    /// What to read to know it.
    pub(super) fn wanted(keys: &Keyspace) -> [Selection; 2] {
        [Selection::Probe(keys.key("shard:")), Selection::Probe(keys.holds_of(None))]
    }

    /// Takes note of a key that was read.
    pub(super) fn observe(&mut self, key: &ShopKey<'_>) {
        match key {
            ShopKey::Shard { .. } => self.shards = true,
            ShopKey::Hold { .. } => self.holds = true,
            _ => {}
        }
    }
}

/// The stock of `events` at the revision of the snapshot.
pub(super) async fn stock_of(
    snapshot: &mut Snapshot<'_>,
    keys: &Keyspace,
    events: &BTreeSet<String>,
    elsewhere: Elsewhere,
) -> Result<Stocks, QueryError> {
    let mut wanted: Vec<Selection> = events.iter().map(|event| Selection::Prefix(keys.tickets_of(event))).collect();
    if elsewhere.shards {
        wanted.extend(events.iter().map(|event| Selection::Prefix(keys.shards_of(event))));
    }
    if elsewhere.holds {
        wanted.extend(events.iter().map(|event| Selection::Prefix(keys.holds_of(Some(event)))));
    }
    count(keys, &snapshot.all(wanted).await?)
}

/// Counts the stock from the keys that hold it. Shards and holds of a ticket that does not exist count nowhere.
fn count(keys: &Keyspace, found: &[KeyValue]) -> Result<Stocks, QueryError> {
    let mut stocks = Stocks::new();
    for kv in found {
        if let Some(ShopKey::Ticket { event, kind }) = keys.parse(kv.key.as_bytes()) {
            let ticket: Ticket = parse(kv)?;
            let (total, left) = (i128::from(ticket.total_quantity), i128::from(ticket.current_quantity));
            let stock = TicketStock { total, left, held: 0, shards: 0, price: ticket.price };
            stocks.entry(event.to_owned()).or_default().insert(kind.to_owned(), stock);
        }
    }
    for kv in found {
        match keys.parse(kv.key.as_bytes()) {
            Some(ShopKey::Shard { event, kind, .. }) => {
                let shard: Shard = parse(kv)?;
                if let Some(stock) = ticket_of(&mut stocks, event, kind) {
                    stock.left += i128::from(shard.current_quantity);
                    stock.shards += 1;
                }
            }
            Some(ShopKey::Hold { event, .. }) => {
                let hold: HoldRecord = parse(kv)?;
                for line in &hold.tickets {
                    if let Some(stock) = ticket_of(&mut stocks, event, &line.kind) {
                        stock.held += i128::from(line.quantity);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(stocks)
}

fn ticket_of<'stocks>(stocks: &'stocks mut Stocks, event: &str, kind: &str) -> Option<&'stocks mut TicketStock> {
    stocks.get_mut(event).and_then(|tickets| tickets.get_mut(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_and_holds_are_not_sold() {
        let keys = Keyspace::new("t/");
        let kv = |key: &str, value: &str| KeyValue { key: format!("t/{key}").into(), value: value.into(), ..KeyValue::default() };
        let found = [
            kv("hold:record:e1:r-1-1", r#"{"user":"ann","tickets":[{"type":"pink","quantity":2},{"type":"gold","quantity":9}]}"#),
            kv("shard:e1:pink:000", r#"{"current_quantity":10}"#),
            kv("shard:e1:pink:001", r#"{"current_quantity":"5"}"#),
            kv("ticket:e1:pink", r#"{"total_quantity":"100","current_quantity":3,"price":"0.10"}"#),
        ];
        let stocks = count(&keys, &found).unwrap();
        let pink = stocks["e1"]["pink"];
        assert_eq!((pink.left, pink.held, pink.sold(), pink.revenue()), (18, 2, 80, 800));
        assert_eq!((pink.shards, stocks["e1"].len()), (2, 1));
    }
}
