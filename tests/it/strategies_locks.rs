//! Buying under etcd's lock.

use std::time::Duration;

use ticketcd::scenario::types::{self, FencedLockSettings, LockSettings, Stall, Strategy};
use ticketcd::scenario::units::Span;
use ticketcd_judge::history::Blob;
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Delete, Request};

use crate::fixtures::contention::{ContentionFixture, Contents, memory, order};
use crate::member::{Kept, TIMEOUT};
use crate::support::eventually;

fn load(strategy: Strategy, buyers: u32) -> types::Load {
    types::Load { buyers, quantity_max: 1, strategy, ..types::Load::default() }
}

/// Holders that stall for longer than their lease can live.
fn stalling(every: u32) -> FencedLockSettings {
    FencedLockSettings {
        ttl: Span::seconds(1),
        wait: Span::seconds(20),
        waiters: None,
        stall: Some(Stall { every, lasts: Span::seconds(4) }),
    }
}

fn unfenced(settings: FencedLockSettings) -> Strategy {
    let FencedLockSettings { ttl, wait, waiters, stall } = settings;
    Strategy::Lock(LockSettings { ttl, wait, waiters, stall, ..LockSettings::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_fenced_buyers_sell_a_hot_ticket_out_exactly() {
    let fixture = ContentionFixture::new(100).await;
    let lock = FencedLockSettings { wait: Span::seconds(30), ..FencedLockSettings::default() };
    let (outcomes, _) =
        fixture.drive(load(Strategy::FencedLock(lock), 50), Duration::from_millis(300), |outcomes| outcomes.sold_out >= 50).await;
    assert_eq!((outcomes.sold, outcomes.unknown, outcomes.workers_open), (100, 0, 0));
    assert_eq!(fixture.books(0).await, Contents { sold: 100, ..Contents::default() });
    assert_eq!(fixture.client.leases(TIMEOUT).await.unwrap(), [0_i64; 0], "buyers that go give their leases back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_whose_holders_stall_oversells() {
    let fixture = ContentionFixture::new(20).await;
    let (outcomes, _) = fixture.drive(load(unfenced(stalling(5)), 8), Duration::from_secs(1), |outcomes| outcomes.sold > 20).await;
    assert!(outcomes.sold > 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_keeps_those_out_who_stalled() {
    let fixture = ContentionFixture::new(20).await;
    let enough = |outcomes: &crate::fixtures::contention::Outcomes| outcomes.sold_out >= 8 && outcomes.conflicts > 0;
    let (outcomes, _) = fixture.drive(load(Strategy::FencedLock(stalling(5)), 8), Duration::from_secs(1), enough).await;
    assert_eq!(outcomes.sold, 20);
    assert_eq!(fixture.books(0).await, Contents { sold: 20, ..Contents::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_get_the_lock_in_time_leaves_the_queue() {
    let fixture = ContentionFixture::new(5).await;
    let Answer { body: AnswerBody::Lease { id: other, .. }, .. } = fixture.call(Request::LeaseGrant { id: 0, ttl: 60 }).await else {
        panic!()
    };
    let lock = Request::Lock { name: fixture.keys.lock("e1"), lease: other };
    let Answer { body: AnswerBody::Lock { key }, .. } = fixture.call(lock).await else { panic!() };

    let (_, sink, recorder) = Kept::start();
    let (mut caller, mut memory) = (fixture.caller(&sink), memory(0));
    let shop = fixture.shop(&load(unfenced(FencedLockSettings { wait: Span::milliseconds(200), ..FencedLockSettings::default() }), 1));
    let bought = shop.buy(&mut caller, &mut memory, &order(0, 1, 1)).await;
    assert_eq!((bought.outcome, bought.attempts), (OrderOutcome::Conflict, 0));
    eventually("only the other is left in the queue", async || fixture.books(0).await.extra == [key.to_text()]).await;
    assert_eq!(fixture.client.leases(TIMEOUT).await.unwrap(), [other]);

    fixture.call(Request::Delete(Delete { key, range_end: Blob::default(), ..Delete::default() })).await;
    let patient = fixture.shop(&load(unfenced(FencedLockSettings::default()), 1));
    let bought = patient.buy(&mut caller, &mut memory, &order(0, 2, 1)).await;
    assert!(matches!(bought.outcome, OrderOutcome::Sold { .. }), "{bought:?}");
    assert_eq!(fixture.books(0).await, Contents { counter: 4, left: 4, sold: 1, ..Contents::default() });

    // A lease that the member has forgotten is granted anew.
    for lease in fixture.client.leases(TIMEOUT).await.unwrap() {
        fixture.call(Request::LeaseRevoke { id: lease }).await;
    }
    let mut outcomes = Vec::new();
    for sequence in 3..5 {
        outcomes.push(patient.buy(&mut caller, &mut memory, &order(0, sequence, 1)).await.outcome);
    }
    assert!(matches!(outcomes[1], OrderOutcome::Sold { .. }), "{outcomes:?}");
    memory.close(&mut caller).await;
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_kept_alive_while_its_buyer_waits_for_the_lock() {
    let fixture = ContentionFixture::new(5).await;
    let Answer { body: AnswerBody::Lease { id: other, .. }, .. } = fixture.call(Request::LeaseGrant { id: 0, ttl: 60 }).await else {
        panic!()
    };
    let lock = Request::Lock { name: fixture.keys.lock("e1"), lease: other };
    let Answer { body: AnswerBody::Lock { key }, .. } = fixture.call(lock).await else { panic!() };
    let (kept, sink, recorder) = Kept::start();
    let (mut caller, mut memory) = (fixture.caller(&sink), memory(0));
    let shop = fixture.shop(&load(
        Strategy::FencedLock(FencedLockSettings { ttl: Span::seconds(1), wait: Span::seconds(30), ..FencedLockSettings::default() }),
        1,
    ));
    let buying = tokio::spawn(async move { (shop.buy(&mut caller, &mut memory, &order(0, 1, 1)).await.outcome, caller, memory) });
    let renewed = || {
        let alive = |event: &ticketcd_judge::history::event::Event| {
            use ticketcd_judge::history::event::Event;
            matches!(event, Event::Invoke(invoke) if matches!(invoke.request, Request::LeaseKeepAlive { .. }))
        };
        kept.events().iter().filter(|event| alive(event)).count()
    };
    eventually("it was kept alive for longer than it lives", async || renewed() >= 8).await;
    fixture.call(Request::Delete(Delete { key, range_end: Blob::default(), ..Delete::default() })).await;
    let (outcome, mut caller, memory) = buying.await.unwrap();
    assert!(matches!(outcome, OrderOutcome::Sold { .. }), "{outcome:?}");
    memory.close(&mut caller).await;
    caller.close().await;
    drop(sink);
    recorder.finish().unwrap();
}
