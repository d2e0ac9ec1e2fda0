//! The batchers of `batched`, on a real member.

use std::sync::Arc;
use std::time::Duration;

use ticketcd::scenario::types::{BatchedSettings, Load, Strategy};
use ticketcd::shop::PurchaseResult;
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::Invoke;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::request::{Request, TxnOp};
use tokio::task::JoinSet;

use crate::fixtures::shop::{ShopFixture, is_sold, memory, order, purchases};
use crate::member::Kept;

fn load() -> Load {
    Load { strategy: Strategy::Batched(BatchedSettings::default()), ..Load::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_buys_a_ticket_out_exactly() {
    let fixture = Arc::new(ShopFixture::new(&[], &[("pink", 150)], &load()).await);
    let (kept, sink, recorder) = Kept::start();
    let mut crowd = JoinSet::new();
    for buyer in 0..60 {
        let (fixture, sink) = (Arc::clone(&fixture), sink.clone());
        crowd.spawn(async move {
            let mut sold = 0;
            for sequence in 1..=5 {
                let bought = fixture.buy(&sink, order(buyer, sequence, &format!("u{buyer}"), &[("pink", 1)])).await;
                assert!(is_sold(&bought) || bought.outcome == OrderOutcome::SoldOut, "{bought:?}");
                sold += i64::from(is_sold(&bought));
            }
            sold
        });
    }
    assert_eq!(crowd.join_all().await.into_iter().sum::<i64>(), 150);
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    assert_eq!((fixture.left("pink").await, fixture.left_of_event().await, fixture.bought().await), (0, 0, 150));
    let events = kept.events();
    assert!(purchases(&events).len() < 75, "{} transactions for 150 sales are no batches", purchases(&events).len());
    // Sixty buyers, five orders each, and the batcher.
    let closed = events.iter().filter(|event| matches!(event, Event::WorkerClosed(_))).count();
    assert_eq!(closed, 301);
}

/// In one thread, so that the orders are on the batcher's desk before it turns to them.
#[tokio::test]
async fn an_order_that_cannot_be_served_fails_alone() {
    let fixture = ShopFixture::new(&[], &[("green", 1), ("pink", 9)], &load()).await;
    let (kept, sink, recorder) = Kept::start();
    let (ann, none, blue, many, green, bob) = tokio::join!(
        fixture.buy(&sink, order(0, 1, "ann", &[("pink", 2)])),
        fixture.buy(&sink, order(1, 1, "bob", &[("pink", 0)])),
        fixture.buy(&sink, order(2, 1, "cid", &[("blue", 1)])),
        fixture.buy(&sink, order(3, 1, "dan", &[("pink", 8)])),
        fixture.buy(&sink, order(4, 1, "eve", &[("pink", 1), ("green", 2)])),
        fixture.buy(&sink, order(5, 1, "bob", &[("pink", 1), ("green", 1)])),
    );
    assert!(is_sold(&ann) && is_sold(&bob));
    assert_eq!(ann.outcome, bob.outcome, "one revision sold both");
    assert_eq!((ann.paid.0, bob.paid.0), (2 * 4990, 2 * 4990));
    assert!([&none, &blue].iter().all(|bought| matches!(bought.outcome, OrderOutcome::Rejected { .. })), "{none:?} {blue:?}");
    assert_eq!([&many.outcome, &green.outcome], [&OrderOutcome::SoldOut; 2]);
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    assert_eq!((fixture.left("pink").await, fixture.left("green").await, fixture.left_of_event().await), (6, 0, 6));
    let events = kept.events();
    let sent = purchases(&events);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0.orders.len(), 2, "only what is carried out is named");
}

#[tokio::test]
async fn sold_out_is_never_said_from_memory() {
    let fixture = ShopFixture::new(&[], &[("pink", 1)], &load()).await;
    let (_, sink, recorder) = Kept::start();
    assert!(is_sold(&fixture.buy(&sink, order(0, 1, "ann", &[("pink", 1)])).await));
    assert_eq!(fixture.buy(&sink, order(0, 2, "ann", &[("pink", 1)])).await.outcome, OrderOutcome::SoldOut);
    // Somebody adds a ticket behind the batcher's back.
    fixture.put(fixture.keys.ticket("e1", "pink"), br#"{"total_quantity":2,"current_quantity":1,"price":49.90}"#.to_vec()).await;
    assert!(is_sold(&fixture.buy(&sink, order(0, 3, "ann", &[("pink", 1)])).await));
    assert_eq!(fixture.purchases("ann").await.len(), 2);
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test]
async fn orders_of_one_user_are_one_write() {
    let fixture = ShopFixture::new(&[], &[("pink", 9)], &load()).await;
    let (kept, sink, recorder) = Kept::start();
    let earlier = br#"{"date":"2024-05-01","tickets":[{"type":"pink","quantity":"2"}]}"#;
    fixture.put(fixture.keys.purchase("ann", "e1"), earlier.to_vec()).await;
    // The batcher reads the purchases of the first users it meets; ann comes later, and is wrongly taken for new.
    assert!(is_sold(&fixture.buy(&sink, order(9, 1, "zoe", &[("pink", 1)])).await));
    let (first, second) =
        tokio::join!(fixture.buy(&sink, order(0, 1, "ann", &[("pink", 1)])), fixture.buy(&sink, order(1, 1, "ann", &[("pink", 2)])));
    assert_eq!((is_sold(&first), is_sold(&second), first.attempts), (true, true, 2));
    let ids: Vec<_> = fixture.purchases("ann").await.into_iter().map(|purchase| purchase.id).collect();
    assert_eq!(ids, [None, Some("r1-0-1".to_owned()), Some("r1-1-1".to_owned())]);
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    let events = kept.events();
    let puts = purchases(&events).last().unwrap().1.success.len();
    assert_eq!(puts, 3, "ticket, event, and both orders in one");
}

#[tokio::test]
async fn a_lost_answer_leaves_every_order_of_the_batch_unknown() {
    let fixture = ShopFixture::new(&[], &[("pink", 9)], &load()).await;
    let (kept, sink, recorder) = Kept::start();
    let buy = async |buyer: u32| -> PurchaseResult {
        let mut caller = fixture.caller_with(&fixture.client, &sink, Duration::from_millis(500));
        let bought = fixture.shop.buy(&mut caller, &mut memory(), &order(buyer, 1, &format!("u{buyer}"), &[("pink", 1)])).await;
        caller.close().await;
        bought
    };
    assert!(is_sold(&buy(0).await));
    fixture.etcd.pause().await;
    let (first, second, third) = tokio::join!(buy(1), buy(2), buy(3));
    assert_eq!([first.outcome, second.outcome, third.outcome], [const { OrderOutcome::Unknown }; 3]);
    fixture.etcd.resume();
    let mut last = buy(4).await;
    for buyer in 5..30 {
        if is_sold(&last) {
            break;
        }
        last = buy(buyer).await;
    }
    assert!(is_sold(&last), "{last:?}");
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    assert_eq!(fixture.left("pink").await, 9 - fixture.bought().await);
    let events = kept.events();
    let of_second = purchases(&events).into_iter().filter(|(invoke, _)| invoke.orders.iter().any(|order| order.buyer == 2)).count();
    assert_eq!(of_second, 1, "what was not answered is not sent again");
    // After it the batcher knows nothing: the next request of the batcher is a read.
    let batcher = purchases(&events)[0].0.id.worker;
    let of_batcher: Vec<&Invoke> = events
        .iter()
        .filter_map(|event| match event {
            Event::Invoke(invoke) if invoke.id.worker == batcher && invoke.purpose == Purpose::Purchase => Some(invoke),
            _ => None,
        })
        .collect();
    let lost = of_batcher.iter().position(|invoke| invoke.orders.len() == 3).unwrap();
    assert_eq!(of_batcher[lost + 1].orders, []);
}

async fn thirty_orders(fixture: &ShopFixture) -> (Vec<PurchaseResult>, Vec<Event>) {
    let (kept, sink, recorder) = Kept::start();
    let buyers = (0..30).map(|buyer| {
        let (shop, mut caller) = (Arc::clone(&fixture.shop), fixture.caller(&sink));
        async move {
            let kinds = if buyer % 2 == 0 { &[("pink", 1)][..] } else { &[("pink", 1), ("green", 1)][..] };
            let bought = shop.buy(&mut caller, &mut memory(), &order(buyer, 1, &format!("u{buyer}"), kinds)).await;
            caller.close().await;
            bought
        }
    });
    let bought = buyers.collect::<JoinSet<_>>().join_all().await;
    fixture.shop.close().await;
    drop(sink);
    recorder.finish().unwrap();
    (bought, kept.events())
}

#[tokio::test]
async fn a_batch_keeps_to_the_operations_it_is_given() {
    let settings = BatchedSettings { max_txn_ops: 8, ..BatchedSettings::default() };
    let load = Load { strategy: Strategy::Batched(settings), ..Load::default() };
    // etcd would refuse more; and more than two orders go into one transaction all the same.
    let fixture = ShopFixture::new(&["--max-txn-ops=8"], &[("green", 50), ("pink", 50)], &load).await;
    let (bought, events) = thirty_orders(&fixture).await;
    assert!(bought.iter().all(is_sold), "{bought:?}");
    let mut largest = 0;
    for event in &events {
        if let Event::Invoke(Invoke { request: Request::Txn(txn), .. }) = event {
            assert!(txn.guards.len() <= 8 && txn.success.len() <= 8 && txn.failure.len() <= 8, "{txn:?}");
            largest = largest.max(txn.success.iter().filter(|operation| matches!(operation, TxnOp::Put(_))).count());
        }
    }
    assert_eq!(largest, 8);
    assert_eq!((fixture.left("pink").await, fixture.left("green").await, fixture.left_of_event().await), (20, 35, 55));
}

#[tokio::test]
async fn a_batch_that_etcd_finds_too_large_goes_in_parts() {
    let fixture = ShopFixture::new(&["--max-txn-ops=10"], &[("green", 50), ("pink", 50)], &load()).await;
    let (bought, events) = thirty_orders(&fixture).await;
    assert!(bought.iter().all(is_sold), "{bought:?}");
    assert!(purchases(&events).iter().any(|(_, txn)| txn.success.len() > 10), "nothing was ever too large");
    assert_eq!((fixture.left("pink").await, fixture.bought().await), (20, 45));
}
