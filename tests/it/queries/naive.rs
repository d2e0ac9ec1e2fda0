//! The queries once more, straight from the raw JSON of a whole shop: no pages, no types, nothing of the program's.

use std::collections::BTreeMap;

use serde_json::Value;
use ticketcd::etcd::Client;
use ticketcd_judge::history::request::{AnswerBody, Range};
use ticketcd_judge::model::keys::prefix_end;

use super::PREFIX;
use crate::member::TIMEOUT;

/// Everything under the prefix at one revision, by the key behind the prefix.
pub struct Everything {
    values: BTreeMap<String, Value>,
    written_at: BTreeMap<String, i64>,
}

/// A ticket type of an event: what there was, what is left, what is reserved, what one costs in cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    pub total: i128,
    pub left: i128,
    pub held: i128,
    pub cents: i128,
}

/// An element of a user's purchases: the event, the order's id, types and quantities.
pub type Entry = (String, Option<String>, Vec<(String, i128)>);

/// A number, or one in a string.
pub fn number(value: &Value) -> i128 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no quantity")).into()
}

pub fn cents(value: &Value) -> i128 {
    let price = value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no price"));
    (price * 100.0).round() as i128
}

impl Everything {
    /// Reads it all in one answer.
    pub async fn at(client: &Client, revision: i64) -> Self {
        let range = Range { key: PREFIX.into(), range_end: prefix_end(PREFIX.as_bytes()), revision, ..Range::default() };
        let AnswerBody::Range(found) = client.range(&range, TIMEOUT).await.unwrap().body else { panic!() };
        let (mut values, mut written_at) = (BTreeMap::new(), BTreeMap::new());
        for kv in found.kvs {
            let key = kv.key.to_text().strip_prefix(PREFIX).unwrap().to_owned();
            values.insert(key.clone(), serde_json::from_slice(kv.value.as_bytes()).unwrap());
            written_at.insert(key, kv.mod_revision);
        }
        Self { values, written_at }
    }

    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The keys that were written at a revision.
    pub fn written_at(&self, revision: i64) -> Vec<&str> {
        self.written_at.iter().filter(|(_, at)| **at == revision).map(|(key, _)| key.as_str()).collect()
    }

    /// What is behind the keys of a family.
    pub fn family<'all>(&'all self, family: &'all str) -> impl Iterator<Item = (&'all str, &'all Value)> {
        self.values.iter().filter_map(move |(key, value)| Some((key.strip_prefix(family)?, value)))
    }

    /// The tickets of an event.
    pub fn stock(&self, event: &str) -> BTreeMap<String, Stock> {
        let mut stock: BTreeMap<String, Stock> = BTreeMap::new();
        for (kind, ticket) in self.family(&format!("ticket:{event}:")) {
            let (total, left) = (number(&ticket["total_quantity"]), number(&ticket["current_quantity"]));
            stock.insert(kind.to_owned(), Stock { total, left, held: 0, cents: cents(&ticket["price"]) });
        }
        for (shard, value) in self.family(&format!("shard:{event}:")) {
            let (kind, _) = shard.split_once(':').unwrap();
            stock.get_mut(kind).unwrap().left += number(&value["current_quantity"]);
        }
        for (_, hold) in self.family(&format!("hold:record:{event}:")) {
            for line in hold["tickets"].as_array().unwrap() {
                stock.get_mut(line["type"].as_str().unwrap()).unwrap().held += number(&line["quantity"]);
            }
        }
        stock
    }

    /// The ids that an index lists.
    pub fn index(&self, key: &str) -> Vec<String> {
        let ids = |value: &Value| value.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        self.value(key).map_or_else(Vec::new, ids)
    }

    /// Events, tickets sold and cents of an event type.
    pub fn revenue(&self, kind: &str) -> (usize, i128, i128) {
        let events = self.index(&format!("search:type:{kind}"));
        let (mut sold, mut cents) = (0, 0);
        for stock in events.iter().flat_map(|event| self.stock(event).into_values().collect::<Vec<_>>()) {
            let gone = stock.total - stock.left - stock.held;
            sold += gone;
            cents += gone * stock.cents;
        }
        (events.len(), sold, cents)
    }

    /// The same from the other side: what the purchases say was sold of an event, and for how much.
    pub fn purchased(&self, event: &str) -> (i128, i128) {
        let (mut sold, mut paid) = (0, 0);
        for (key, purchases) in self.family("purchase:").filter(|(key, _)| key.ends_with(event)) {
            assert!(key.ends_with(&format!(":{event}")));
            for line in purchases.as_array().unwrap().iter().flat_map(|purchase| purchase["tickets"].as_array().unwrap()) {
                sold += number(&line["quantity"]);
                paid += number(&line["quantity"]) * cents(&line["price"]);
            }
        }
        (sold, paid)
    }

    /// The purchases of a user: event, order id and quantities of each element.
    pub fn purchases(&self, user: &str) -> Vec<Entry> {
        let mut orders = Vec::new();
        for (event, purchases) in self.family(&format!("purchase:{user}:")) {
            for purchase in purchases.as_array().unwrap() {
                let line = |line: &Value| (line["type"].as_str().unwrap().to_owned(), number(&line["quantity"]));
                let lines = purchase["tickets"].as_array().unwrap().iter().map(line).collect();
                orders.push((event.to_owned(), purchase["id"].as_str().map(str::to_owned), lines));
            }
        }
        orders
    }

    /// The ids of the events that match a type and the beginning of a word.
    pub fn search(&self, kind: &str, beginning: &str) -> Vec<String> {
        let by_word: Vec<String> = self
            .family("search:text:")
            .filter(|(word, _)| word.starts_with(beginning))
            .flat_map(|(word, _)| self.index(&format!("search:text:{word}")))
            .collect();
        let mut ids: Vec<String> = self.index(&format!("search:type:{kind}")).into_iter().filter(|id| by_word.contains(id)).collect();
        ids.sort();
        ids
    }
}
