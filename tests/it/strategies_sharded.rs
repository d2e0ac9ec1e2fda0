//! `sharded` on a real member: from the split to the fold.

use std::sync::Arc;

use ticketcd::scenario::types::{Load, ShardedSettings, Strategy};
use ticketcd_judge::history::annotation::OrderOutcome;
use tokio::task::JoinSet;

use crate::fixtures::shop::{EVENT, ShopFixture, is_sold, memory, order, purchases};
use crate::member::Kept;

fn load(shards: u8) -> Load {
    let settings = ShardedSettings { shards, attempts: 1000, ..ShardedSettings::default() };
    Load { strategy: Strategy::Sharded(settings), ..Load::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_buys_a_ticket_out_exactly_and_what_is_left_is_folded_back() {
    let fixture = Arc::new(ShopFixture::new(&[], &[("green", 7), ("pink", 90)], &load(4)).await);
    let (_, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink);
    let events = [EVENT.to_owned()];
    fixture.shop.prepare(&mut caller, &events).await.unwrap();
    assert_eq!((fixture.left("pink").await, fixture.left("green").await), (0, 0));
    assert_eq!(fixture.all(&fixture.keys.shards_of(EVENT)).await.len(), 8);
    let mut crowd = JoinSet::new();
    for buyer in 0..20 {
        let (fixture, sink) = (Arc::clone(&fixture), sink.clone());
        crowd.spawn(async move {
            let (mut caller, mut memory, mut sold) = (fixture.caller(&sink), memory(), 0);
            for sequence in 1.. {
                let order = order(buyer, sequence, &format!("u{buyer}"), &[("pink", 1 + i64::from(sequence % 2))]);
                let bought = fixture.shop.buy(&mut caller, &mut memory, &order).await;
                match bought.outcome {
                    OrderOutcome::Sold { .. } => sold += order.items[0].1,
                    OrderOutcome::SoldOut if order.items[0].1 == 1 => break,
                    OrderOutcome::SoldOut => {}
                    other => panic!("{other:?}"),
                }
            }
            caller.close().await;
            sold
        });
    }
    assert_eq!(crowd.join_all().await.into_iter().sum::<i64>(), 90);
    fixture.shop.restore(&mut caller, &events).await.unwrap();
    assert_eq!((fixture.left("pink").await, fixture.left("green").await, fixture.left_of_event().await), (0, 7, 7));
    assert_eq!(fixture.bought().await, 90);
    assert!(fixture.all(&fixture.keys.shards_of(EVENT)).await.is_empty());
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test]
async fn an_order_larger_than_any_shard_is_served_and_so_is_the_last_ticket() {
    let fixture = ShopFixture::new(&[], &[("pink", 8)], &load(4)).await;
    let (_, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink);
    fixture.shop.prepare(&mut caller, &[EVENT.to_owned()]).await.unwrap();
    assert!(is_sold(&fixture.buy(&sink, order(0, 1, "ann", &[("pink", 7)])).await));
    assert_eq!(fixture.buy(&sink, order(1, 1, "bob", &[("pink", 2)])).await.outcome, OrderOutcome::SoldOut);
    assert!(is_sold(&fixture.buy(&sink, order(1, 2, "bob", &[("pink", 1)])).await));
    assert_eq!(fixture.buy(&sink, order(1, 3, "bob", &[("pink", 1)])).await.outcome, OrderOutcome::SoldOut);
    // What comes back to the ticket itself, beside the parts, is for sale too.
    fixture.put(fixture.keys.ticket(EVENT, "pink"), br#"{"total_quantity":10,"current_quantity":2,"price":49.90}"#.to_vec()).await;
    assert!(is_sold(&fixture.buy(&sink, order(1, 4, "bob", &[("pink", 2)])).await));
    assert_eq!((fixture.left("pink").await, fixture.bought().await), (0, 10));
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test]
async fn a_purchase_touches_its_own_part_and_nothing_shared() {
    let fixture = ShopFixture::new(&[], &[("pink", 80)], &load(8)).await;
    let (kept, sink, recorder) = Kept::start();
    let mut caller = fixture.caller(&sink);
    let events = [EVENT.to_owned()];
    fixture.shop.prepare(&mut caller, &events).await.unwrap();
    let (mut memory, mut parts) = (memory(), std::collections::BTreeSet::new());
    for buyer in 0..8 {
        for sequence in 1..=2 {
            let bought = fixture.shop.buy(&mut caller, &mut memory, &order(buyer, sequence, "ann", &[("pink", 1)])).await;
            assert_eq!((is_sold(&bought), bought.attempts), (true, 1));
        }
    }
    fixture.shop.restore(&mut caller, &events).await.unwrap();
    fixture.shop.restore(&mut caller, &events).await.unwrap();
    assert_eq!((fixture.left("pink").await, fixture.left_of_event().await), (64, 64));
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
    let events = kept.events();
    for (_, txn) in purchases(&events) {
        let keys: Vec<String> = txn.guards.iter().map(|guard| guard.key.to_text()).collect();
        assert!(keys.len() == 3 && keys[0].starts_with("t/shard:e1:pink:"), "{keys:?}");
        assert_eq!(keys[1..], ["t/purchase:ann:e1", "t/ticket:e1:pink"]);
        assert_eq!(txn.success.len(), 2);
        parts.insert(keys[0].clone());
    }
    assert!(parts.len() >= 4, "eight buyers share {parts:?}");
}
