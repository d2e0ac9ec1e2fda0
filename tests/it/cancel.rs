//! Orders that are given back, on a real etcd: their tickets come back exactly once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ticketcd::etcd::{Client, RecordingClient};
use ticketcd::load::{Load, Offer, OrderGenerator};
use ticketcd::scenario::streams::stream;
use ticketcd::scenario::types::{self, Mix, Scenario};
use ticketcd::shop::{Cancel, Cancelling, Order, RetryPolicy, Shop, StockCache, StrategyContext};
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::event::{Event, Phase};
use ticketcd_judge::history::request::{AnswerBody, Delete, GuardTarget, Put, Range, Relation, Request, TxnOp};
use ticketcd_judge::history::{Blob, MemberIndex, OrderKey};
use ticketcd_judge::model::keys::prefix_end;
use ticketcd_judge::model::records::{EventRecord, Purchase, Shard, Ticket, parse_purchases};
use ticketcd_judge::model::{Cents, Keyspace};
use tokio_util::sync::CancellationToken;

use crate::member::{Kept, Member, TIMEOUT};
use crate::support::concert;

const STOCK: i64 = 1000;

/// A shop with one event and one ticket type.
struct Fixture {
    _etcd: Member,
    client: Client,
    shop: Shop,
}

impl Fixture {
    async fn new() -> Self {
        let etcd = Member::start(&[]).await;
        let shop = Shop {
            keys: Keyspace::new("t/"),
            run_tag: "r1".into(),
            date: "01-05-2026 20:00".into(),
            strategy: types::Load::default().strategy.start(&StrategyContext::of(1)),
        };
        let fixture = Self { client: etcd.client().await, _etcd: etcd, shop };
        let event = concert(STOCK);
        let ticket = Ticket { total_quantity: STOCK, current_quantity: STOCK, price: Cents(4990) };
        fixture.put(fixture.shop.keys.event("e1"), serde_json::to_vec(&event).unwrap()).await;
        fixture.put(fixture.shop.keys.ticket("e1", "pink"), serde_json::to_vec(&ticket).unwrap()).await;
        fixture
    }

    async fn send(&self, request: Request) -> AnswerBody {
        match self.client.call(&request, TIMEOUT).await {
            CallOutcome::Ok(answer) => answer.body,
            other => panic!("{other:?}"),
        }
    }

    async fn put(&self, key: Blob, value: Vec<u8>) {
        self.send(Request::Put(Put { key, value: value.into(), ..Put::default() })).await;
    }

    async fn values(&self, prefix: Blob) -> Vec<Blob> {
        let range = Range { range_end: prefix_end(prefix.as_bytes()), key: prefix, ..Range::default() };
        let AnswerBody::Range(found) = self.send(Request::Range(range)).await else { panic!("no range") };
        found.kvs.into_iter().map(|kv| kv.value).collect()
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, key: Blob) -> T {
        serde_json::from_slice(self.values(key).await[0].as_bytes()).unwrap()
    }

    /// What is left by the ticket, and by the event.
    async fn left(&self) -> (i64, i64) {
        let ticket: Ticket = self.get(self.shop.keys.ticket("e1", "pink")).await;
        let event: EventRecord = self.get(self.shop.keys.event("e1")).await;
        (ticket.current_quantity, event.current_quantity)
    }

    async fn purchases(&self) -> Vec<Purchase> {
        let values = self.values(self.shop.keys.key("purchase:")).await;
        values.iter().flat_map(|value| parse_purchases(value.as_bytes()).unwrap()).collect()
    }
}

fn order(sequence: u32, quantity: i64) -> Order {
    let key = OrderKey { buyer: 0, sequence };
    Order { key, user: "ann".to_owned(), event: "e1".to_owned(), items: vec![("pink".to_owned(), quantity)], due: 0 }
}

fn cancel(sequence: u32, order: Order) -> Cancel {
    Cancel { key: OrderKey { buyer: 0, sequence }, order, due: 0 }
}

/// How many writing transactions of cancellations there are; each guards every key it writes by the key's last write.
fn guarded_writes(events: &[Event]) -> usize {
    let mut count = 0;
    for event in events {
        let Event::Invoke(invoke) = event else { continue };
        let Request::Txn(txn) = &invoke.request else { continue };
        if invoke.purpose != Purpose::Cancel || invoke.orders.is_empty() {
            continue;
        }
        let written = txn.success.iter().map(|operation| match operation {
            TxnOp::Put(put) => &put.key,
            other => panic!("{other:?}"),
        });
        let guarded = txn.guards.iter().map(|guard| {
            assert!(matches!(guard.target, GuardTarget::ModRevision(revision) if revision > 0) && guard.relation == Relation::Equal);
            assert!(guard.range_end.is_empty());
            &guard.key
        });
        assert_eq!(written.collect::<Vec<_>>(), guarded.collect::<Vec<_>>());
        count += 1;
    }
    count
}

const CANCELLING: Cancelling = Cancelling(RetryPolicy { attempts_max: 12, back_off: Duration::from_millis(2) });

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_come_back_once_and_the_purchase_stays_on_record() {
    let fixture = Fixture::new().await;
    let (_kept, sink, recorder) = Kept::start();
    let mut caller = RecordingClient::new(vec![fixture.client.clone()], MemberIndex(0), TIMEOUT, sink);
    let mut memory = StockCache::new(stream(1, "back-off", 0));
    let shop = &fixture.shop;
    for sequence in [1, 2] {
        assert!(matches!(shop.buy(&mut caller, &mut memory, &order(sequence, 3)).await.outcome, OrderOutcome::Sold { .. }));
    }
    let cancelled = CANCELLING.cancel(shop, &mut caller, &mut memory, &cancel(3, order(1, 3))).await;
    assert!(matches!(cancelled.outcome, OrderOutcome::Sold { .. }), "{cancelled:?}");
    assert_eq!((cancelled.paid, cancelled.attempts), (Cents(-3 * 4990), 1));
    assert_eq!(fixture.left().await, (STOCK - 3, STOCK - 3));
    let entered = fixture.purchases().await;
    let ids: Vec<_> = entered.iter().map(|purchase| (purchase.id.as_deref().unwrap(), purchase.cancels.as_deref())).collect();
    assert_eq!(ids, [("r1-0-1", None), ("r1-0-2", None), ("r1-0-3", Some("r1-0-1"))]);
    assert_eq!((entered[2].tickets[0].quantity, entered[2].tickets[0].price), (-3, Some(Cents(4990))));

    // Neither what is cancelled nor what was never bought is given back.
    for (sequence, again) in [(4, order(1, 3)), (5, order(99, 3))] {
        let refused = CANCELLING.cancel(shop, &mut caller, &mut memory, &cancel(sequence, again)).await;
        assert!(matches!(refused.outcome, OrderOutcome::Rejected { .. }), "{refused:?}");
        assert_eq!(refused.attempts, 0);
    }
    assert_eq!(fixture.left().await, (STOCK - 3, STOCK - 3));
    // Who has given something back can buy again.
    assert!(matches!(shop.buy(&mut caller, &mut memory, &order(6, 1)).await.outcome, OrderOutcome::Sold { .. }));
    caller.close().await;
    recorder.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_stock_is_in_shards_tickets_go_back_to_a_shard() {
    let fixture = Fixture::new().await;
    let (kept, sink, recorder) = Kept::start();
    let mut caller = RecordingClient::new(vec![fixture.client.clone()], MemberIndex(0), TIMEOUT, sink);
    let mut memory = StockCache::new(stream(1, "back-off", 0));
    let shop = &fixture.shop;
    for sequence in [1, 2] {
        assert!(matches!(shop.buy(&mut caller, &mut memory, &order(sequence, 3)).await.outcome, OrderOutcome::Sold { .. }));
    }
    for number in 0..4 {
        fixture.put(shop.keys.shard("e1", "pink", number), br#"{"current_quantity":10}"#.to_vec()).await;
    }
    let cancelled = CANCELLING.cancel(shop, &mut caller, &mut memory, &cancel(3, order(1, 3))).await;
    assert!(matches!(cancelled.outcome, OrderOutcome::Sold { .. }), "{cancelled:?}");
    assert_eq!(fixture.left().await, (STOCK - 6, STOCK - 6));
    let mut shards = Vec::new();
    for value in fixture.values(shop.keys.shards_of("e1")).await {
        shards.push(serde_json::from_slice::<Shard>(value.as_bytes()).unwrap().current_quantity);
    }
    assert_eq!((shards.iter().sum::<i64>(), shards.len()), (43, 4));

    let shards = shop.keys.shards_of("e1");
    fixture.send(Request::Delete(Delete { range_end: prefix_end(shards.as_bytes()), key: shards, ..Delete::default() })).await;
    let cancelled = CANCELLING.cancel(shop, &mut caller, &mut memory, &cancel(4, order(2, 3))).await;
    assert!(matches!(cancelled.outcome, OrderOutcome::Sold { .. }), "{cancelled:?}");
    assert_eq!(fixture.left().await, (STOCK - 3, STOCK - 3));
    caller.close().await;
    recorder.finish().unwrap();
    assert_eq!(guarded_writes(&kept.events()), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_who_meet_give_back_exactly_what_they_bought() {
    let fixture = Fixture::new().await;
    let (kept, sink, recorder) = Kept::start();
    let mix = Mix { purchase: 1, cancel: 1, ..Mix::default() };
    let load = types::Load { buyers: 12, quantity_max: 2, mix, ..types::Load::default() };
    let scenario = Scenario { load, ..Scenario::new("test") };
    let offers = vec![Offer { event: "e1".to_owned(), kinds: vec!["pink".to_owned()] }];
    let market = OrderGenerator::new(&scenario, offers, (0..12).map(|number| format!("user{number}")).collect());
    let mut load = Load::new(&scenario, 1, fixture.shop.clone(), market, std::slice::from_ref(&fixture.client), sink);
    let carried_out = |events: &[Event]| {
        let cancels: HashSet<_> =
            events.iter().filter_map(|event| if let Event::CancelPlaced(c) = event { Some(c.order) } else { None }).collect();
        let sold = |event: &&Event| matches!(event, Event::OrderClosed(c) if cancels.contains(&c.order) && matches!(c.outcome, OrderOutcome::Sold { .. }));
        events.iter().filter(sold).count()
    };
    for _ in 0..60 {
        load.drive(Phase::Steady, Duration::from_millis(300), 0.0, &CancellationToken::new()).await;
        if carried_out(&kept.events()) >= 30 {
            break;
        }
    }
    load.close().await;
    recorder.finish().unwrap();
    let events = kept.events();
    assert!(carried_out(&events) >= 30);
    assert!(guarded_writes(&events) >= 30);

    // The receipts of both kinds, signed, are what is missing from the stock.
    let mut quantities = HashMap::new();
    let mut cancelled = HashSet::new();
    let (mut sold, mut paid) = (0, 0);
    for event in &events {
        match event {
            Event::OrderPlaced(placed) => drop(quantities.insert(placed.order, placed.items[0].1)),
            Event::CancelPlaced(placed) => {
                assert!(cancelled.insert((placed.cancels, placed.order)));
                assert_eq!(placed.items[0].1, -quantities[&placed.cancels]);
                quantities.insert(placed.order, placed.items[0].1);
            }
            Event::OrderClosed(closed) => {
                assert_ne!(closed.outcome, OrderOutcome::Unknown);
                if matches!(closed.outcome, OrderOutcome::Sold { .. }) {
                    sold += quantities[&closed.order];
                    paid += closed.paid_cents;
                }
            }
            _ => {}
        }
    }
    assert_eq!(fixture.left().await, (STOCK - sold, STOCK - sold));
    assert_eq!(paid, sold * 4990);
    let entered = fixture.purchases().await;
    assert_eq!(entered.iter().flat_map(|purchase| &purchase.tickets).map(|line| line.quantity).sum::<i64>(), sold);
    let cancels: Vec<_> = entered.iter().filter_map(|purchase| purchase.cancels.clone()).collect();
    assert_eq!(cancels.iter().collect::<HashSet<_>>().len(), cancels.len(), "no order is cancelled twice");
}
