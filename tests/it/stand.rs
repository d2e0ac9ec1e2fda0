//! A shop with one event on one real member, for the tests of the purchase strategies.

use std::sync::Arc;
use std::time::Duration;

use ticketcd::etcd::{Caller, Client};
use ticketcd::record::Sink;
use ticketcd::scenario::streams::stream;
use ticketcd::scenario::types::Load;
use ticketcd::shop::{Order, PurchaseResult, Shop, StockCache, Strategy};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::{CallOutcome, Invoke};
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{AnswerBody, KeyValue, Put, Range, Request, Txn};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, Purchase, Ticket, parse_purchases};
use ticketcd_judge::model::{Blob, Cents, Keyspace, MemberIndex, OrderKey};

use crate::member::{Member, TIMEOUT};
use crate::support::concert;

/// The event.
pub const EVENT: &str = "e1";

/// The shop and its member.
pub struct Stand {
    pub etcd: Member,
    pub client: Client,
    pub keys: Keyspace,
    pub shop: Arc<Shop>,
}

impl Stand {
    /// A shop that sells `stock` by the strategy of `load`, on a member with `flags`.
    pub async fn new(flags: &[&str], stock: &[(&str, i64)], load: &Load) -> Self {
        let etcd = Member::start(flags).await;
        let (client, keys) = (etcd.client().await, Keyspace::new("t/"));
        let shop = Shop {
            keys: keys.clone(),
            run_tag: "r1".into(),
            date: "01-05-2026 20:00".into(),
            strategy: Strategy::new(&load.strategy, load.buyers),
        };
        let stand = Self { etcd, client, keys, shop: Arc::new(shop) };
        let event = concert(stock.iter().map(|(_, quantity)| quantity).sum());
        stand.put(stand.keys.event(EVENT), serde_json::to_vec(&event).unwrap()).await;
        for (kind, quantity) in stock {
            let ticket = Ticket { total_quantity: *quantity, current_quantity: *quantity, price: Cents(4990) };
            stand.put(stand.keys.ticket(EVENT, kind), serde_json::to_vec(&ticket).unwrap()).await;
        }
        stand
    }

    /// Another worker on the member.
    pub fn caller(&self, sink: &Sink) -> Caller {
        self.caller_with(&self.client, sink, TIMEOUT)
    }

    /// Another worker.
    pub fn caller_with(&self, client: &Client, sink: &Sink, timeout: Duration) -> Caller {
        Caller::new(vec![client.clone()], MemberIndex(0), timeout, sink.clone())
    }

    /// Buys as a buyer of its own that remembers nothing.
    pub async fn buy(&self, sink: &Sink, order: Order) -> PurchaseResult {
        let mut caller = self.caller(sink);
        let bought = self.shop.buy(&mut caller, &mut memory(), &order).await;
        caller.close().await;
        bought
    }

    pub async fn put(&self, key: Blob, value: Vec<u8>) {
        let put = Request::Put(Put { key, value: value.into(), lease: 0 });
        assert!(matches!(self.client.call(&put, TIMEOUT).await, CallOutcome::Ok(_)));
    }

    /// Every key that begins so.
    pub async fn all(&self, prefix: &Blob) -> Vec<KeyValue> {
        let range = Range { key: prefix.clone(), range_end: prefix_end(prefix.as_bytes()), ..Range::default() };
        match self.client.call(&Request::Range(range), TIMEOUT).await {
            CallOutcome::Ok(answer) => match answer.body {
                AnswerBody::Range(range) => range.kvs,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// What its record says is left of a type.
    pub async fn left(&self, kind: &str) -> i64 {
        let kvs = self.all(&self.keys.ticket(EVENT, kind)).await;
        serde_json::from_slice::<Ticket>(kvs[0].value.as_bytes()).unwrap().current_quantity
    }

    /// What its record says is left of the event.
    pub async fn left_of_event(&self) -> i64 {
        let kvs = self.all(&self.keys.event(EVENT)).await;
        serde_json::from_slice::<EventRecord>(kvs[0].value.as_bytes()).unwrap().current_quantity
    }

    /// What a user has bought.
    pub async fn purchases(&self, user: &str) -> Vec<Purchase> {
        let kvs = self.all(&self.keys.purchase(user, EVENT)).await;
        kvs.first().map_or_else(Vec::new, |kv| parse_purchases(kv.value.as_bytes()).unwrap())
    }

    /// The tickets in all purchases of everybody.
    pub async fn bought(&self) -> i64 {
        let kvs = self.all(&self.keys.key("purchase:")).await;
        let purchases = kvs.iter().flat_map(|kv| parse_purchases(kv.value.as_bytes()).unwrap());
        purchases.flat_map(|purchase| purchase.tickets).map(|line| line.quantity).sum()
    }
}

/// A memory with nothing in it.
pub fn memory() -> StockCache {
    StockCache::new(stream(1, "back-off", 0))
}

/// An order of a buyer for a user.
pub fn order(buyer: u32, sequence: u32, user: &str, items: &[(&str, i64)]) -> Order {
    let items = items.iter().map(|(kind, quantity)| ((*kind).to_owned(), *quantity)).collect();
    Order { key: OrderKey { buyer, sequence }, user: user.to_owned(), event: EVENT.to_owned(), items, due: 0 }
}

pub fn is_sold(bought: &PurchaseResult) -> bool {
    matches!(bought.outcome, OrderOutcome::Sold { .. })
}

/// The recorded requests that would have bought something.
pub fn purchases(events: &[Event]) -> Vec<(&Invoke, &Txn)> {
    events.iter().filter_map(purchase).collect()
}

fn purchase(event: &Event) -> Option<(&Invoke, &Txn)> {
    match event {
        Event::Invoke(invoke) if invoke.purpose == Purpose::Purchase && !invoke.orders.is_empty() => match &invoke.request {
            Request::Txn(txn) => Some((invoke, txn)),
            other => panic!("{other:?}"),
        },
        _ => None,
    }
}
