//! A shop with one event and one ticket type on one real member, for tests of strategies.

use std::collections::HashMap;
use std::time::Duration;

use ticketcd::etcd::{Caller, Client};
use ticketcd::load::{Load, Offer, OrderGenerator};
use ticketcd::record::Sink;
use ticketcd::scenario::streams::stream;
use ticketcd::scenario::types::{self, Scenario};
use ticketcd::shop::{Order, Shop, StockCache, Strategy};
use ticketcd_judge::history::annotation::{OrderClosed, OrderOutcome};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::{Event, Phase};
use ticketcd_judge::history::request::{Answer, AnswerBody, KeyValue, Put, Range, Request};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, HoldRecord, Ticket, parse_purchases};
use ticketcd_judge::model::{Keyspace, MemberIndex, OrderKey, Revision, ShopKey};
use tokio_util::sync::CancellationToken;

use crate::member::{Kept, Member, TIMEOUT};
use crate::support::concert;

/// Loads that are driven again until they have shown what they are to show.
const ROUNDS_MAX: usize = 60;

/// The shop: event `e1` with pink tickets at 49.90.
pub struct Sale {
    pub client: Client,
    pub keys: Keyspace,
    stock: i64,
    _etcd: Member,
}

/// What is in the shop at one revision.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Books {
    pub counter: i64,
    pub left: i64,
    pub held: i64,
    pub sold: i64,
    /// Keys of reservations and locks.
    pub extra: Vec<String>,
}

impl Sale {
    pub async fn new(stock: i64) -> Self {
        let etcd = Member::start(&[]).await;
        let sale = Self { client: etcd.client().await, keys: Keyspace::new("t/"), stock, _etcd: etcd };
        let event = concert(stock);
        sale.call(Request::Put(Put { key: sale.keys.event("e1"), value: serde_json::to_vec(&event).unwrap().into(), lease: 0 })).await;
        sale.offer(stock, "49.90").await;
        sale
    }

    /// Writes the ticket.
    pub async fn offer(&self, current_quantity: i64, price: &str) {
        let ticket = Ticket { total_quantity: self.stock, current_quantity, price: price.parse().unwrap() };
        let value = serde_json::to_vec(&ticket).unwrap().into();
        self.call(Request::Put(Put { key: self.keys.ticket("e1", "pink"), value, lease: 0 })).await;
    }

    /// Makes a call that must be answered.
    pub async fn call(&self, request: Request) -> Answer {
        match self.client.call(&request, TIMEOUT).await {
            CallOutcome::Ok(answer) => answer,
            other => panic!("{request:?}: {other:?}"),
        }
    }

    /// Everything under the prefix, at a revision or now.
    pub async fn everything(&self, revision: Revision) -> (Revision, Vec<KeyValue>) {
        let range = Range { key: "t/".into(), range_end: prefix_end(b"t/"), revision, ..Range::default() };
        let answer = self.call(Request::Range(range)).await;
        match answer.body {
            AnswerBody::Range(range) => (answer.revision, range.kvs),
            other => panic!("{other:?}"),
        }
    }

    /// The books at a revision, or now.
    pub async fn books(&self, revision: Revision) -> Books {
        let mut books = Books::default();
        for kv in self.everything(revision).await.1 {
            let value = kv.value.as_bytes();
            match self.keys.parse(kv.key.as_bytes()).unwrap() {
                ShopKey::Event(_) => books.counter = serde_json::from_slice::<EventRecord>(value).unwrap().current_quantity,
                ShopKey::Ticket { .. } => books.left = serde_json::from_slice::<Ticket>(value).unwrap().current_quantity,
                ShopKey::Purchase { .. } => {
                    let lines = parse_purchases(value).unwrap().into_iter().flat_map(|purchase| purchase.tickets);
                    books.sold += lines.map(|line| line.quantity).sum::<i64>();
                }
                ShopKey::Hold { .. } => {
                    let record: HoldRecord = serde_json::from_slice(value).unwrap();
                    books.held += record.tickets.iter().map(|line| line.quantity).sum::<i64>();
                    books.extra.push(kv.key.to_text());
                }
                ShopKey::HoldAlive { .. } | ShopKey::Lock(_) => books.extra.push(kv.key.to_text()),
                other => panic!("{other:?}"),
            }
        }
        books
    }

    pub fn shop(&self, load: &types::Load) -> Shop {
        Shop {
            keys: self.keys.clone(),
            run_tag: "r1".into(),
            date: "01-05-2026 20:00".into(),
            strategy: Strategy::new(&load.strategy, load.buyers),
        }
    }

    pub fn caller(&self, sink: &Sink) -> Caller {
        Caller::new(vec![self.client.clone()], MemberIndex(0), TIMEOUT, sink.clone())
    }

    /// Drives a load, again and again until `enough` of it is recorded, with the shop tended. Returns how its orders ended.
    pub async fn drive(&self, load: types::Load, span: Duration, enough: impl Fn(&Outcomes) -> bool) -> (Outcomes, Shop) {
        let (kept, sink, recorder) = Kept::start();
        let shop = self.shop(&load);
        let users = (0..load.buyers).map(|number| format!("user{number}")).collect();
        let scenario = Scenario { load, ..Scenario::new("test") };
        let market = OrderGenerator::new(&scenario, vec![Offer { event: "e1".to_owned(), kinds: vec!["pink".to_owned()] }], users);
        let mut load = Load::new(&scenario, 1, shop.clone(), market, std::slice::from_ref(&self.client), sink.clone());
        let over = CancellationToken::new();
        let (tended, caller, until) = (shop.clone(), self.caller(&sink), over.clone());
        let tending = tokio::spawn(async move { tended.sweep_expired(caller, until).await });
        for _ in 0..ROUNDS_MAX {
            load.drive(Phase::Steady, span, 0.0, &CancellationToken::new()).await;
            if enough(&Outcomes::of(&kept.events())) {
                break;
            }
        }
        load.close().await;
        over.cancel();
        tending.await.unwrap();
        drop(sink);
        recorder.finish().unwrap();
        let outcomes = Outcomes::of(&kept.events());
        assert!(enough(&outcomes), "{outcomes:?}");
        (outcomes, shop)
    }
}

/// An order of pink tickets.
pub fn order(buyer: u32, sequence: u32, quantity: i64) -> Order {
    let items = vec![("pink".to_owned(), quantity)];
    Order { key: OrderKey { buyer, sequence }, user: format!("user{buyer}"), event: "e1".to_owned(), items, due: 0 }
}

pub fn memory(buyer: u32) -> StockCache {
    StockCache::new(stream(1, "back-off", buyer)).with_intentions(stream(1, "intentions", buyer))
}

/// How the orders of a load ended.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Tickets sold.
    pub sold: i64,
    /// What was paid for them.
    pub paid: i64,
    pub sold_out: usize,
    /// Given up by a transaction whose guards failed; those that were never sent are not counted.
    pub conflicts: usize,
    pub unknown: usize,
    /// By reason.
    pub rejected: HashMap<String, usize>,
    pub workers_open: usize,
}

impl Outcomes {
    fn of(events: &[Event]) -> Self {
        let (mut outcomes, mut quantities) = (Self::default(), HashMap::new());
        let mut workers = HashMap::new();
        for event in events {
            match event {
                Event::OrderPlaced(placed) => {
                    quantities.insert(placed.order, placed.items.iter().map(|(_, quantity)| quantity).sum::<i64>());
                }
                Event::OrderClosed(closed) => outcomes.closed(closed, quantities[&closed.order]),
                Event::Invoke(invoke) => {
                    workers.insert(invoke.id.worker, false);
                }
                Event::WorkerClosed(closed) => {
                    workers.insert(closed.worker, true);
                }
                _ => {}
            }
        }
        outcomes.workers_open = workers.values().filter(|closed| !**closed).count();
        outcomes
    }

    fn closed(&mut self, closed: &OrderClosed, quantity: i64) {
        self.paid += closed.paid_cents;
        match &closed.outcome {
            OrderOutcome::Sold { .. } => self.sold += quantity,
            OrderOutcome::SoldOut => self.sold_out += 1,
            OrderOutcome::Rejected { reason } => *self.rejected.entry(reason.clone()).or_default() += 1,
            OrderOutcome::Conflict => self.conflicts += usize::from(closed.attempts > 0),
            OrderOutcome::Unknown => self.unknown += 1,
        }
    }
}
